import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { checkClock, systemClock, type Clock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import type { Log, Retention } from "../log.ts"
import type { Position } from "../../message.ts"
import { kindOf } from "../../kind.ts"
import { checkNames, durationOf } from "../../options.ts"
import { turnsOf } from "../../turns.ts"
import { formatPosition } from "../position.ts"
import { limitsOf, RETENTION_NAMES, SWEEP_MS } from "../retention.ts"
import { timeoutOf } from "../timeout.ts"
import type { Moment } from "./age-clock.ts"
import { failureOf, isBusy, toOnwardError } from "./failure.ts"
import { openFile } from "./open.ts"
import { Reader, type LastEntries } from "./reader.ts"
import { removeWitness } from "./witness.ts"
import { WriterThread } from "./writer-thread.ts"

export interface SqliteLogOptions {
  /** What is kept. @default 1,000,000 entries, 1 GiB */
  readonly retention?: Retention
  /**
   * `full`: an acknowledged message survives a power failure, if the disk flushes when asked. `normal`: it survives `kill -9`, but a power
   * failure can lose the newest messages; faster.
   * @default "full"
   */
  readonly durability?: "full" | "normal"
  /** How long a call waits for another process's lock, in milliseconds. @default 5_000 */
  readonly timeout?: number
  /** How often to poll for appends of other processes, in milliseconds, while the log is watched. @default 100 */
  readonly pollInterval?: number
  /** The clock for the time and age of entries; ages use its monotonic time. In tests, a clock of `onward/testing`. @default the machine's */
  readonly clock?: Clock
}

const OPTIONS = ["retention", "durability", "timeout", "pollInterval", "clock", ...RETENTION_NAMES]

const DEFAULT_RETENTION: Retention = { count: 1_000_000, bytes: 1024 ** 3 }

/**
 * A log in an SQLite file, which any number of processes of one machine may share. Writing is done by a thread of its own;
 * what is appended while it commits goes into the next commit together. Watchers are woken right before the appends that
 * woke them resolve, and at the latest a `pollInterval` after those of other processes.
 *
 * Throws an `OnwardError` when the file cannot be opened or is not a log. Needs `node:sqlite`.
 *
 * @example
 * const hub = createHub({ log: sqliteLog("events.db") })
 */
export function sqliteLog(path: string | URL, options: SqliteLogOptions = {}): Log {
  checkNames("sqliteLog", options, OPTIONS)
  const { retention = DEFAULT_RETENTION, durability = "full", clock = systemClock } = options
  const timeout = timeoutOf("sqliteLog", options.timeout)
  const pollInterval = durationOf("sqliteLog: `pollInterval`", options.pollInterval, 100)
  checkClock("sqliteLog", clock)
  const file = fileOf(path)
  const limits = limitsOf(retention)
  if (durability !== "full" && durability !== "normal") {
    throw new TypeError(`sqliteLog: \`durability\` must be "full" or "normal", not ${kindOf(durability)}.`)
  }

  const { database, epoch, files } = openFile(file, { durability, timeout })
  const reader = new Reader(database, epoch)
  const writer = new WriterThread({ path: file, files, epoch, limits, durability, timeout }, (newest) =>
    wakeAll(formatPosition(epoch, newest)),
  )
  const turns = turnsOf(systemClock)
  const moment = (): Moment => ({ wall: clock.now(), monotonic: clock.monotonic() })
  const watchers = new Set<{ readonly wake: (newest?: Position) => void }>()
  const underWay = new Set<Promise<unknown>>()
  let seenVersion: unknown
  let polling: NodeJS.Timeout | undefined
  let closing: Promise<void> | undefined

  // what was too old or too much already, or becomes too old while nobody appends
  writer.sweep(moment())
  const sweeping = limits.age < Infinity ? setInterval(() => writer.sweep(moment()), SWEEP_MS).unref() : undefined

  /** Runs a call unless the log is closed, and lets close wait for it. */
  async function call<T>(run: () => Promise<T>): Promise<T> {
    if (closing) throw new OnwardError("log_closed", "the log is closed: create a new one")
    const running = run()
    underWay.add(running)
    try {
      return await running
    } finally {
      underWay.delete(running)
    }
  }

  /** Readers hardly ever meet a lock; when they do, they wait without stopping this thread. */
  async function ask<T>(question: () => T): Promise<T> {
    const deadline = performance.now() + timeout
    for (;;) {
      try {
        return question()
      } catch (error) {
        const failure = failureOf(error)
        if (!isBusy(failure) || performance.now() > deadline) throw toOnwardError(file, failure)
      }
      await new Promise((resolve) => void setTimeout(resolve, 10))
    }
  }

  /** Step by step, so that a look at all of a large log does not hold up the event loop. */
  async function lookBack(landmark: LastEntries): Promise<Position> {
    for (let found = await ask(() => reader.lookBack(landmark)); ;) {
      if (typeof found === "string") return found
      const reached = found
      if (turns.isOver) await turns.next()
      found = await ask(() => reader.lookBack(landmark, reached))
    }
  }

  function wakeAll(newest?: Position): void {
    for (const { wake } of watchers) wake(newest)
  }

  /** True when somebody has committed since the last time. */
  function hasNews(): boolean {
    const version = reader.dataVersion()
    const isNew = version !== seenVersion
    seenVersion = version
    return isNew
  }

  /** Our own commits count as news too: what others committed at the same time must not be taken for them. */
  function poll(): void {
    try {
      if (hasNews()) wakeAll(reader.newest())
    } catch {
      // whoever is woken reads, and is told what is wrong
      wakeAll()
    }
  }

  return {
    append: (messages) =>
      call(async () => {
        const { sequences, previous, time } = await writer.append(messages, moment())
        const positions = sequences.map((sequence) => formatPosition(epoch, sequence))
        return { positions, previous: formatPosition(epoch, previous), time }
      }),
    read: (query) => call(() => ask(() => reader.read(query))),
    bounds: () => call(() => ask(() => reader.bounds())),
    locate: (landmark) => call(() => ("last" in landmark ? lookBack(landmark) : ask(() => reader.locate(landmark)))),
    watch: (wake) =>
      call(async () => {
        const watcher = { wake }
        watchers.add(watcher)
        polling ??= setInterval(poll, pollInterval).unref()
        return async () => {
          watchers.delete(watcher)
          if (watchers.size > 0) return
          clearInterval(polling)
          polling = undefined
        }
      }),
    trim: () => call(() => writer.trim(moment())),
    close: () => (closing ??= close()),
  }

  async function close(): Promise<void> {
    clearInterval(polling)
    clearInterval(sweeping)
    await Promise.allSettled(underWay)
    watchers.clear()
    // the writer goes last: the last to close empties the write-ahead log, which may take a while
    database.close()
    await writer.close()
    removeWitness(file)
  }
}

function fileOf(path: string | URL): string {
  if (path instanceof URL) return fileURLToPath(path)
  if (typeof path !== "string" || path === "") {
    throw new TypeError(`sqliteLog takes the path of a file, not ${kindOf(path)}. Pass for instance "events.db".`)
  }
  if (path === ":memory:")
    throw new TypeError('sqliteLog takes the path of a file, not ":memory:". For a log in memory use memoryLog().')
  return resolve(path)
}
