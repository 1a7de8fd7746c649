import { appendCases } from "./append.ts"
import type { Case, Need, OpenLogOptions } from "./case.ts"
import { closeCases } from "./close.ts"
import { concurrencyCases } from "./concurrency.ts"
import { contentCases } from "./content.ts"
import { dedupeCases } from "./dedupe.ts"
import { locateCases } from "./locate.ts"
import type { Log } from "../log.ts"
import { checkNames } from "../../options.ts"
import { lossCases } from "./loss.ts"
import { readCases } from "./read.ts"
import { retentionCases } from "./retention.ts"
import { watchCases } from "./watch.ts"

export type { Need, OpenLogOptions } from "./case.ts"

/** A place where entries live: a file, a set of tables, a prefix of keys. */
export interface LogStore {
  /** Opens a log on it. Called again, also while the first one is open, it opens another handle on the same entries. */
  open(options: OpenLogOptions): Log | Promise<Log>
  /** Removes the place. Called when a case is over and its logs are closed. */
  remove?(): void | Promise<void>
}

export interface LogCasesOptions {
  /** Makes an empty store; every case gets its own. */
  readonly create: () => LogStore | Promise<LogStore>
  /** What this driver cannot do, each with the reason: cases that need it are there, with `skip` set. */
  readonly lacks?: { readonly [need in Need]?: string }
  /** Where the randomness starts; a failure names it. @default the time */
  readonly seed?: number
  /** How long to wait for a wake before calling it lost, in milliseconds. @default 10_000 */
  readonly wakeTimeout?: number
}

/** One promise of the contract as a test. */
export interface LogCase {
  /** A sentence. */
  readonly name: string
  /** Why it cannot be run with this driver. */
  readonly skip: string | undefined
  /** Rejects, saying what was expected, when the log does not keep the promise. Takes seconds at most. */
  readonly run: () => Promise<void>
}

/**
 * The contract of {@link Log} as test cases, for any test runner. A driver is done when it passes them all.
 *
 * @example
 * for (const { name, skip, run } of logCases({ create: () => ({ open: (options) => myLog(options) }) })) {
 *   test(name, { skip }, run)
 * }
 */
export function logCases(options: LogCasesOptions): LogCase[] {
  checkNames("logCases", options, ["create", "lacks", "seed", "wakeTimeout"])
  const { create, lacks = {}, seed = Date.now(), wakeTimeout = 10_000 } = options
  const runCase = async ({ run }: Case): Promise<void> => {
    const store = await create()
    const logs: Log[] = []
    try {
      await run({
        seed,
        wakeTimeout,
        async open(options = {}) {
          const log = await store.open(options)
          logs.push(log)
          return log
        },
      })
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n  (seed ${seed})`, { cause: error })
    } finally {
      for (const log of logs) await log.close()
      await store.remove?.()
    }
  }
  return allCases.map((case_) => ({
    name: case_.name,
    skip: (case_.needs ?? []).map((need) => lacks[need]).find((reason) => reason !== undefined),
    run: () => runCase(case_),
  }))
}

const allCases: readonly Case[] = [
  ...appendCases,
  ...readCases,
  ...dedupeCases,
  ...locateCases,
  ...retentionCases,
  ...lossCases,
  ...watchCases,
  ...closeCases,
  ...contentCases,
  ...concurrencyCases,
]
