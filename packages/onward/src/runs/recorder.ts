import type { Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import type { Format } from "./format.ts"
import { keptOf, type KeptFrame, type RunRecord } from "./record.ts"
import type { RunRegistry } from "./registry.ts"
import type { UnstoredDelta, Replica } from "./replica.ts"

export interface RecorderOptions {
  readonly replica: Replica
  readonly by: string
  readonly format: Format
  readonly registry: Pick<RunRegistry, "append">
  readonly clock: Clock
  /** How long a delta waits for more, in ms, and how much of it may wait, in UTF-16 units. */
  readonly flush: { readonly interval: number; readonly maxChars: number }
  readonly lease: number
  /** How long the store may be away, in ms. */
  readonly storeTimeout: number
  /** Whether those who watch here see what the store has not taken. */
  readonly requireStored: boolean
  readonly onError: (error: unknown) => void
  /** The store was away for too long. */
  readonly onLost: (error: unknown) => void
  /** The format cannot write what it merged. */
  readonly onFault: (error: unknown) => void
}

/** Writes an attempt's records to the log, one append at a time, in order. */
export interface Recorder {
  /**
   * Takes the next frame, with so much text. `isUrgent`: it does not wait for more. Resolves when there is registry for another.
   */
  push(frame: unknown, isUrgent: boolean, text: number): Promise<void> | undefined
  /** Writes what is left and then `end`. Resolves when the log has it, or will not take it. */
  finish(end: RunRecord): Promise<void>
  /** Writes nothing any more. */
  stop(): void
}

interface Waiting {
  frame: unknown
  /** How it is kept, unless it was merged since. */
  kept: KeptFrame | undefined
  /** What its data has besides text. That of a frame merged into it is taken for as much, as it is written only once. */
  readonly around: number
}

interface Sealed {
  readonly record: RunRecord
  readonly unstored?: UnstoredDelta
  readonly chars: number
}

/** What may wait for the store, in UTF-16 units, before the source is made to wait. */
const MAX_WAITING = 1_048_576
/** What a frame counts on top of its text. */
const FRAME_COST = 64
/** Longest wait between two tries to append, in ms; the first is 100. */
const MAX_PAUSE = 2_000

export function createRecorder(options: RecorderOptions): Recorder {
  const { replica, by, format, registry, clock, flush, lease, storeTimeout, requireStored, onError, onLost, onFault } =
    options
  /** Frames that wait for more, neighbours merged already. */
  let waiting: Waiting[] = []
  let waitingChars = 0
  let timer: (() => void) | undefined
  /** Records on their way, oldest first. Never changed again: an append that failed may have stored them all the same. */
  let queue: Sealed[] = []
  let queuedChars = 0
  let n = 0
  let ordinal = 0
  let sending: Promise<void> | undefined
  let isFlushDue = false
  let ending: RunRecord | undefined
  let failingSince: number | undefined
  let isStopped = false
  let isQuiet = true
  let makeRoom: (() => void) | undefined
  let undoBeat = again()

  /** A sign of life now and then, when there is no other. */
  function again(): () => void {
    return clock.after(lease / 3, () => {
      if (isStopped) return
      if (isQuiet && !sending) {
        queue.push({ record: { type: "beat", by, n: ++n }, chars: 0 })
        send()
      }
      isQuiet = true
      undoBeat = again()
    })
  }

  function push(frame: unknown, isUrgent: boolean, text: number): Promise<void> | undefined {
    if (isStopped) return undefined
    const last = waiting.at(-1)
    const both = last && format.merge(last.frame, frame)
    let chars: number
    if (last && both !== undefined) {
      last.frame = both
      last.kept = undefined
      chars = last.around + text
    } else {
      const kept = keptOf(format.encode(frame))
      chars = charsOf(kept)
      // many clients take an event without data for a broken one
      if (chars === 0) return undefined
      waiting.push({ frame, kept, around: chars - text })
    }
    if (replica.meter) replica.meter.raw += chars
    waitingChars += chars + FRAME_COST
    if (isUrgent || waitingChars >= flush.maxChars) flushNow()
    else timer ??= clock.after(flush.interval, () => flushNow())
    if (queuedChars + waitingChars < MAX_WAITING) return undefined
    return new Promise((resolve) => (makeRoom = resolve))
  }

  function flushNow(): void {
    timer?.()
    timer = undefined
    // what comes while the store is busy goes with the next append, unless nobody knows when that will be
    if (sending && failingSince === undefined) isFlushDue = true
    else seal()
    send()
  }

  /** Makes a record of what waits. */
  function seal(): void {
    isFlushDue = false
    if (waiting.length === 0 || isStopped) return
    const frames = written()
    const chars = frames.reduce((sum, kept) => sum + charsOf(kept), 0)
    waiting = []
    waitingChars = 0
    queuedChars += chars
    isQuiet = false
    if (replica.meter) replica.meter.merged += chars
    queue.push({ record: { type: "delta", by, n: ++n, frames }, unstored: { ordinal: ordinal++, frames }, chars })
    if (failingSince !== undefined) show()
  }

  function written(): KeptFrame[] {
    try {
      return waiting.map(({ frame, kept }) => kept ?? keptOf(format.encode(frame)))
    } catch (error) {
      onFault(error)
      return []
    }
  }

  /** Those who watch here get what the store does not take, without ids. */
  function show(): void {
    if (requireStored) return
    replica.unstored = queue.flatMap(({ unstored }) => unstored ?? [])
    replica.changed()
  }

  function send(): void {
    if (sending || isStopped || queue.length === 0) return
    sending = sendAll()
  }

  async function sendAll(): Promise<void> {
    for (let tries = 0; !isStopped;) {
      if (isFlushDue) seal()
      if (ending) {
        queue.push({ record: ending, chars: 0 })
        ending = undefined
      }
      const count = queue.length
      if (count === 0) break
      try {
        await registry.append(
          replica,
          queue.map(({ record }) => record),
        )
        tries = 0
        taken(count)
      } catch (error) {
        if (isStopped) return
        if (!mayTryAgain(error)) {
          stop()
          return onLost(error)
        }
        await new Promise<void>((resolve) => clock.after(Math.min(MAX_PAUSE, 100 * 2 ** tries++), resolve))
      }
    }
    // in the same turn as the last look at the queue, so that nothing comes between
    sending = undefined
  }

  function taken(count: number): void {
    for (const { chars } of queue.slice(0, count)) queuedChars -= chars
    queue = queue.slice(count)
    if (failingSince !== undefined) {
      failingSince = queue.length > 0 ? failingSince : undefined
      show()
    }
    makeRoom?.()
  }

  function mayTryAgain(error: unknown): boolean {
    if (failingSince === undefined) {
      failingSince = clock.monotonic()
      onError(error)
      seal()
      show()
    }
    return error instanceof OnwardError && error.retryable && clock.monotonic() - failingSince < storeTimeout
  }

  function stop(): void {
    isStopped = true
    timer?.()
    undoBeat()
    makeRoom?.()
  }

  return {
    push,
    stop,
    async finish(end) {
      if (isStopped) return
      undoBeat()
      timer?.()
      if (sending && failingSince === undefined) isFlushDue = true
      else seal()
      ending = end
      await sending
      // what was on its way when the end came may have been the last round
      await sendAll()
      stop()
    },
  }
}

const charsOf = (kept: KeptFrame): number => (typeof kept === "string" ? kept : kept[0]).length
