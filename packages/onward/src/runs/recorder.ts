import type { Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import type { FlushTimer } from "./flush-timer.ts"
import type { Format } from "./format.ts"
import type { KeptFrame } from "./delta-data.ts"
import { keptOf, type RunRecord } from "./record.ts"
import type { RunRegistry } from "./registry.ts"
import { whenEnded, type Replica } from "./replica.ts"

export interface RecorderOptions {
  readonly replica: Replica
  readonly by: string
  readonly format: Format
  readonly registry: Pick<RunRegistry, "append">
  readonly clock: Clock
  /** How long text is collected, and how much, in UTF-16 units. */
  readonly flushTimer: FlushTimer
  readonly flush: { readonly maxChars: number }
  readonly lease: number
  /** How long the store can be unavailable, in ms. */
  readonly storeTimeout: number
  /** Whether viewers of this process wait until frames are stored. */
  readonly requireStored: boolean
  readonly onError: (error: unknown) => void
  /** The store was unavailable for too long. */
  readonly onLost: (error: unknown) => void
  /** The format cannot encode a merged frame. */
  readonly onFault: (error: unknown) => void
}

/** Writes the records of an attempt to the log in order, with one append at a time. */
export interface Recorder {
  /**
   * Takes the next frame and the length of its text. `isUrgent` frames are not delayed. Resolves when there is room for another frame.
   */
  push(frame: unknown, isUrgent: boolean, text: number): Promise<void> | undefined
  /** Writes the remaining frames and then what `end` returns. Resolves when this process has read an end, or the log does not accept it. */
  finish(end: () => RunRecord): Promise<void>
  /** Writes all records again, because the log was recreated without them. */
  rewrite(): void
  /** Stops writing. */
  stop(): void
}

interface Waiting {
  frame: unknown
  /** The encoded frame; undefined after a merge. */
  kept: KeptFrame | undefined
  /** The length of its data without text. Frames merged into it are counted without theirs, because it is written once. */
  readonly around: number
}

interface Sealed {
  readonly record: RunRecord
  /** The future index of a delta among the run's deltas. */
  readonly ordinal?: number
  readonly chars: number
}

/** Maximum size of frames that wait for the store, in UTF-16 units. Beyond it the source waits. */
const MAX_WAITING = 1_048_576
/** Size of a frame besides its data. */
const FRAME_COST = 64
/** Maximum number of times that a run is written again. */
const MAX_REWRITES = 100
/** Maximum delay between two attempts to append, in ms. The first is 100. */
const MAX_PAUSE = 2_000

export function createRecorder(options: RecorderOptions): Recorder {
  const { replica, by, format, registry, clock, flush, flushTimer, lease } = options
  const { storeTimeout, requireStored, onError, onLost, onFault } = options
  /** Frames that wait for more text; neighbours are merged. */
  let waiting: Waiting[] = []
  let waitingChars = 0
  let timer: (() => void) | undefined
  /** Records to be appended, oldest first. They never change, because a failed append may have stored them. */
  let queue: Sealed[] = []
  let queuedChars = 0
  /** Records that the log has stored, but this process has not read. */
  let unread: Sealed[] = []
  let isRewriteDue = false
  let rewrites = 0
  let n = 0
  let ordinal = 0
  /** Whether an append is under way, or waits to be tried again; how many records it has, and how often it has failed. */
  let isSending = false
  let sent = 0
  let tries = 0
  /** Called when all records are stored, or will not be. */
  let onSent: (() => void) | undefined
  let isFlushDue = false
  let ending: (() => RunRecord) | undefined
  let failingSince: number | undefined
  let isStopped = false
  let isQuiet = true
  let makeRoom: (() => void) | undefined
  let undoBeat = again()

  /** Writes a record from time to time if there is no other, so that the lease continues. */
  function again(): () => void {
    return clock.after(lease / 3, () => {
      if (isStopped) return
      if (isQuiet && !isSending) {
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
      // many clients treat an event without data as an error
      if (chars === 0) return undefined
      const next = { frame, kept, around: chars - text }
      // almost always the only one, and the first `push` to an empty list makes room for 17
      if (last) waiting.push(next)
      else waiting = [next]
    }
    if (replica.meter) replica.meter.raw += chars
    waitingChars += chars + FRAME_COST
    if (isUrgent || waitingChars >= flush.maxChars) flushNow()
    else timer ??= flushTimer.add(flushNow)
    if (queuedChars + waitingChars < MAX_WAITING) return undefined
    return new Promise((resolve) => (makeRoom = resolve))
  }

  function flushNow(): void {
    timer?.()
    timer = undefined
    // frames that arrive during an append go with the next one, unless the store is failing
    if (isSending && failingSince === undefined) isFlushDue = true
    else seal()
    send()
  }

  /** Makes a record of the waiting frames. */
  function seal(): void {
    isFlushDue = false
    if (waiting.length === 0 || isStopped) return
    const frames = written()
    const chars = charsIn(frames)
    waiting = []
    waitingChars = 0
    queuedChars += chars
    isQuiet = false
    if (replica.meter) replica.meter.merged += chars
    const sealed: Sealed = { record: { type: "delta", by, n: ++n, frames }, ordinal: ordinal++, chars }
    if (queue.length > 0) queue.push(sealed)
    else queue = [sealed]
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

  /** Shows frames that the store has not accepted to viewers of this process, without ids. */
  function show(): void {
    if (requireStored) return
    replica.unstored = queue.flatMap(({ record, ordinal: at }) =>
      record.type === "delta" && at !== undefined ? { ordinal: at, frames: record.frames } : [],
    )
    replica.changed()
  }

  /** Appends what is due, unless an append is under way: it calls this again. */
  function send(): void {
    if (isSending || isStopped) return
    if (isRewriteDue) queue = fromStart().concat(queue)
    if (isFlushDue) seal()
    if (ending) {
      queue.push({ record: ending(), chars: 0 })
      ending = undefined
    }
    const count = countOfNext()
    if (count === 0) return onSent?.()
    isSending = true
    sent = count
    const due = count === queue.length ? queue : queue.slice(0, count)
    const records = due.map(({ record }) => record)
    registry.append(replica, records).then(onStored, onFailed)
  }

  function onStored(): void {
    isSending = false
    tries = 0
    taken(sent)
    send()
  }

  function onFailed(error: unknown): void {
    if (isStopped) return
    if (!mayTryAgain(error)) {
      stop()
      return onLost(error)
    }
    clock.after(Math.min(MAX_PAUSE, 100 * 2 ** tries++), () => {
      isSending = false
      send()
    })
  }

  /**
   * The run up to now, for a log that was recreated. Other processes find each delta once. This process has counted records with these numbers,
   * and ignores them.
   */
  function fromStart(): Sealed[] {
    isRewriteDue = false
    const { deltas } = replica.records
    const all: Sealed[] = [{ record: { type: "open", by, format: format.name }, chars: 0 }]
    for (let index = 0; index < deltas.length; index++) {
      const frames = deltas.frames(index) ?? []
      all.push({ record: { type: "delta", by, n: index + 1, frames }, chars: charsIn(frames) })
    }
    const whole = all.concat(unread.filter(isUnread))
    unread = []
    for (const { chars } of whole) queuedChars += chars
    return whole
  }

  function isUnread({ record }: Sealed): boolean {
    if (record.type === "end") return !replica.records.ended
    return "n" in record && record.n > replica.records.n
  }

  /** How many records the next append has: all, unless they are written again. */
  function countOfNext(): number {
    let chars = 0
    const end = queue.findIndex((each) => (chars += each.chars) > MAX_WAITING)
    return end < 0 ? queue.length : Math.max(1, end)
  }

  function taken(count: number): void {
    for (const each of queue.splice(0, count)) {
      queuedChars -= each.chars
      if (isUnread(each)) unread.push(each)
    }
    while (unread[0] && !isUnread(unread[0])) unread.shift()
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
    onSent?.()
  }

  return {
    push,
    stop,
    rewrite() {
      if (isStopped) return
      if (++rewrites > MAX_REWRITES) {
        stop()
        return onLost(new OnwardError("log_unavailable", `The log lost a run ${MAX_REWRITES} times. Check its server.`))
      }
      isRewriteDue = true
      send()
    },
    async finish(end) {
      if (isStopped) return
      undoBeat()
      timer?.()
      if (isSending && failingSince === undefined) isFlushDue = true
      else seal()
      ending = end
      await new Promise<void>((resolve) => {
        onSent = resolve
        send()
      })
      if (isStopped) return
      // until then, a log that is recreated loses it
      await whenEnded(replica)
      stop()
    },
  }
}

const charsOf = (kept: KeptFrame): number => (typeof kept === "string" ? kept : kept[0]).length

const charsIn = (frames: readonly KeptFrame[]): number => frames.reduce((sum, kept) => sum + charsOf(kept), 0)
