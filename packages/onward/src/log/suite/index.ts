import { appendCases } from "./append.ts"
import type { Case, Need, OpenLogOptions } from "./case.ts"
import { closeCases } from "./close.ts"
import { concurrencyCases } from "./concurrency.ts"
import { contentCases } from "./content.ts"
import { dedupeCases } from "./dedupe.ts"
import { locateCases } from "./locate.ts"
import { forgetCases } from "./forget.ts"
import type { Log } from "../log.ts"
import { checkNames } from "../../options.ts"
import { lossCases } from "./loss.ts"
import { readCases } from "./read.ts"
import { retentionCases } from "./retention.ts"
import { watchCases } from "./watch.ts"

export type { Need, OpenLogOptions } from "./case.ts"

/** A store for the entries of one log: a file, a set of tables, a prefix of keys. */
export interface LogStore {
  /** Opens a log on the store. A second call opens another log on the same entries, also while the first one is open. */
  open(options: OpenLogOptions): Log | Promise<Log>
  /** Removes the store. Called when a case has ended and its logs are closed. */
  remove?(): void | Promise<void>
}

export interface LogCasesOptions {
  /** Creates an empty store. Each case gets its own. */
  readonly create: () => LogStore | Promise<LogStore>
  /** The features that this driver does not have, each with the reason. The cases that need one have `skip` set. */
  readonly lacks?: { readonly [need in Need]?: string }
  /** The seed of random values. A failure prints it. @default the time */
  readonly seed?: number
  /** How long to wait for a wake before the case fails, in milliseconds. @default 10_000 */
  readonly wakeTimeout?: number
}

/** A test of one rule of the contract. */
export interface LogCase {
  /** The rule, as a sentence. */
  readonly name: string
  /** Why this driver cannot run the case. */
  readonly skip: string | undefined
  /** Runs the test. Rejects with the broken rule, the expected and the actual value. Takes a few seconds at most. */
  readonly run: () => Promise<void>
}

/**
 * Returns the contract of {@link Log} as test cases, for any test runner. A driver is complete when it passes all of them.
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
  ...forgetCases,
  ...watchCases,
  ...closeCases,
  ...contentCases,
  ...concurrencyCases,
]
