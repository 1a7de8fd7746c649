import { checkClock, systemClock, type Clock } from "../../clock.ts"
import { checkKinds, checkNames } from "../../options.ts"
import { closedError } from "../driver/gate.ts"
import { createKeptEntries } from "../driver/kept-entries.ts"
import type { Log, Retention } from "../log.ts"
import { createEpoch, formatPosition, parsePosition } from "../driver/position.ts"
import { DEFAULT_RETENTION, limitsOf, RETENTION_NAMES } from "../driver/retention.ts"
import { createWatchers } from "../driver/watchers.ts"
import { FORGET_STEP, sequenceUpTo } from "../driver/forget.ts"
import { turnsOf } from "../../turns.ts"

/** Maximum number of entries that are removed for their age in one event-loop turn. */
const REMOVED_AT_ONCE = 1_000

export interface MemoryLogOptions {
  /** The limits on what the log keeps. @default 100,000 entries, 64 MiB */
  readonly retention?: Retention
  /** The clock for the time and age of entries; ages use its monotonic time. In tests, a clock of `onward/testing`. @default the system clock */
  readonly clock?: Clock
  /** The log's epoch: eight characters of 0-9a-z. @default random */
  readonly epoch?: string
}

/**
 * Creates a log in the memory of this process. Its entries are lost when the process ends. It wakes watchers in a microtask after
 * an append that stored entries, before the caller continues; appends of the same event-loop turn can share one wake. Each
 * read also applies the maximum age.
 *
 * @example
 * const hub = createHub({ log: memoryLog({ retention: { count: 10_000, age: 3_600_000 } }) })
 */
export function memoryLog(options: MemoryLogOptions = {}): Log {
  checkNames("memoryLog", options, ["retention", "clock", "epoch", ...RETENTION_NAMES])
  checkKinds("memoryLog", options, { epoch: "a string" })
  const { retention = DEFAULT_RETENTION, clock = systemClock, epoch = createEpoch() } = options
  checkClock("memoryLog", clock)
  if (!parsePosition(formatPosition(epoch, 0))) throw new TypeError("epoch must be eight characters of 0-9 and a-z")
  const kept = createKeptEntries(epoch, limitsOf(retention))
  const watchers = createWatchers()
  const turns = turnsOf(clock)
  let isClosed = false
  /** Set while old entries are being removed, over many turns. */
  let expiring: Promise<void> | undefined

  /** Removes old entries, then runs a call. Uses the monotonic clock, so that setting the time of day expires nothing. */
  async function call<T>(run: () => T): Promise<T> {
    if (isClosed) throw closedError()
    // later calls wait as well, so that calls run in order
    if (expiring || !kept.expireSome(clock.monotonic(), REMOVED_AT_ONCE)) {
      await (expiring ??= expireRest())
      if (isClosed) throw closedError()
    }
    return run()
  }

  async function expireRest(): Promise<void> {
    for (;;) {
      await turns.next()
      // after `close` nothing is left to remove
      if (kept.expireSome(clock.monotonic(), REMOVED_AT_ONCE)) break
    }
    expiring = undefined
  }

  return {
    append: (messages) =>
      call(() => {
        const before = kept.last
        // whole milliseconds are kept in less memory
        const appended = kept.append(messages, Math.max(kept.time, clock.now()), Math.floor(clock.monotonic()))
        if (kept.last > before) watchers.wakeSoon(() => kept.bounds().last)
        return appended
      }),
    read: (query) => call(() => kept.read(query)),
    locate: (landmark) => call(() => kept.locate(landmark)),
    bounds: () => call(() => kept.bounds()),
    watch: (wake) => call(() => watchers.add(wake)),
    trim: () => call(() => {}),
    async forget({ topics, upTo }) {
      const last = sequenceUpTo(upTo, epoch, kept.last)
      for (let removed = 0; ;) {
        const now = await call(() => kept.forget(topics, last, FORGET_STEP))
        removed += now
        if (now < FORGET_STEP) return removed
        if (turns.isOver) await turns.next()
      }
    },
    async close() {
      isClosed = true
      await watchers.clear()
      kept.clear()
    },
  }
}
