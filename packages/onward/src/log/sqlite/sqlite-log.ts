import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { checkClock, systemClock, type Clock } from "../../clock.ts"
import type { Log, Retention } from "../log.ts"
import type { Position } from "../../message.ts"
import { kindOf } from "../../kind.ts"
import { checkNames, durationOf } from "../../options.ts"
import { turnsOf } from "../../turns.ts"
import { createGate } from "../driver/gate.ts"
import { sequenceUpTo } from "../driver/forget.ts"
import { formatPosition, parsePosition } from "../driver/position.ts"
import { limitsOf, RETENTION_NAMES } from "../driver/retention.ts"
import { createSweeper } from "../driver/sweeper.ts"
import { timeoutOf } from "../driver/timeout.ts"
import { createWatchers } from "../driver/watchers.ts"
import type { Moment } from "./age-clock.ts"
import { failureOf, isBusy, toOnwardError } from "./failure.ts"
import { openFile } from "./open.ts"
import { Reader, type LastEntries } from "./reader.ts"
import { removeWitness } from "./witness.ts"
import { WriterThread } from "./writer-thread.ts"

export interface SqliteLogOptions {
  /** The limits on what the log keeps. @default 1,000,000 entries, 1 GiB */
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
  /** The clock for the time and age of entries; ages use its monotonic time. In tests, a clock of `onward/testing`. @default the system clock */
  readonly clock?: Clock
}

const OPTIONS = ["retention", "durability", "timeout", "pollInterval", "clock", ...RETENTION_NAMES]

const DEFAULT_RETENTION: Retention = { count: 1_000_000, bytes: 1024 ** 3 }

/**
 * Creates a log in an SQLite file, which any number of processes on one machine can share. A thread writes; appends that arrive while
 * it commits form the next commit. Watchers are woken just before an append resolves, and within a `pollInterval` after appends of
 * other processes.
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
    watchers.wake(formatPosition(epoch, newest)),
  )
  const turns = turnsOf(systemClock)
  const moment = (): Moment => ({ wall: clock.now(), monotonic: clock.monotonic() })
  const gate = createGate()
  const watchers = createWatchers({
    start() {
      const polling = setInterval(poll, pollInterval).unref()
      return () => clearInterval(polling)
    },
  })
  let seenVersion: unknown

  const sweeper = createSweeper(limits, () => writer.sweep(moment()))
  // an earlier process can have had higher limits
  sweeper.sweep()

  /** Runs a read. In the rare case that the file is locked, retries without blocking this thread. */
  async function query<T>(run: () => T): Promise<T> {
    const deadline = performance.now() + timeout
    for (;;) {
      try {
        return run()
      } catch (error) {
        const failure = failureOf(error)
        if (!isBusy(failure) || performance.now() > deadline) throw toOnwardError(file, failure)
      }
      await new Promise((resolve) => void setTimeout(resolve, 10))
    }
  }

  /** Searches in steps, so that a large log does not block the event loop. */
  async function lookBack(landmark: LastEntries): Promise<Position> {
    for (let found = await query(() => reader.lookBack(landmark)); ;) {
      if (typeof found === "string") return found
      const reached = found
      if (turns.isOver) await turns.next()
      found = await query(() => reader.lookBack(landmark, reached))
    }
  }

  /** True when a connection has committed since the last call. */
  function hasCommits(): boolean {
    const version = reader.dataVersion()
    const isNew = version !== seenVersion
    seenVersion = version
    return isNew
  }

  /** Also wakes watchers after commits of this process: they cannot be told apart from commits of other processes. */
  function poll(): void {
    try {
      if (hasCommits()) watchers.wake(reader.newest())
    } catch {
      // the woken watcher reads, and that call reports the error
      watchers.wake()
    }
  }

  return {
    append: (messages) =>
      gate.call(async () => {
        const { sequences, previous, time } = await writer.append(messages, moment())
        const positions = sequences.map((sequence) => formatPosition(epoch, sequence))
        return { positions, previous: formatPosition(epoch, previous), time }
      }),
    read: (options) => gate.call(() => query(() => reader.read(options))),
    bounds: () => gate.call(() => query(() => reader.bounds())),
    locate: (landmark) =>
      gate.call(() => ("last" in landmark ? lookBack(landmark) : query(() => reader.locate(landmark)))),
    watch: (wake) => gate.call(async () => watchers.add(wake)),
    trim: () => gate.call(() => writer.trim(moment())),
    forget: ({ topics, upTo }) =>
      gate.call(async () => {
        const { last } = await query(() => reader.bounds())
        const sequence = sequenceUpTo(upTo, epoch, parsePosition(last)?.sequence ?? 0)
        return sequence === 0 ? 0 : writer.forget(topics, sequence)
      }),
    close: () => gate.close({ stop: () => sweeper.stop(), free }),
  }

  async function free(): Promise<void> {
    await watchers.clear()
    // the writer closes last: the last connection copies the write-ahead log into the database, which can take a while
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
