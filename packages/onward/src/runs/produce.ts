import { OnwardError } from "../errors.ts"
import type { Ending, Format, FrameReader, Part } from "./format.ts"
import { createMeter } from "./metrics.ts"
import { markOf, type EndStatus, type RunError } from "./record.ts"
import { createRecorder, type Recorder, type RecorderOptions } from "./recorder.ts"
import { turnsOf } from "../turns.ts"
import { openFrames, type Frames, type RunSource, type RunSourceFunction } from "./source.ts"
import { whenEnded, type Replica } from "./replica.ts"

export interface ProduceOptions extends Omit<RecorderOptions, "onLost" | "onFault"> {
  /** Longest life of the run, in ms. */
  readonly maxDuration: number
  /** Longest answer, in UTF-16 units of data. */
  readonly maxChars: number
  /** Most frames of a source: those that say nothing, such as `{}`, hardly count towards `maxChars`. */
  readonly maxFrames: number
  readonly onFirst: () => void
}

/** A run that is being produced here. */
export interface Production {
  /** The run as this process sees it. */
  readonly replica: Replica
  /** Resolves once the run is over and the log knows, or cannot be told. Never rejects. */
  readonly done: Promise<void>
  /** Ends it from within this process. */
  readonly fail: (error: RunError) => void
  /** Waits no longer for the log to take its end: those who watch here are told, and everybody else that its producer is lost. */
  readonly leave: (error: RunError) => void
}

/** Resolves once a run is over and its viewers here know how it ended: the log's answer to the writer may come a moment before its entry. */
export async function untilTold({ done, replica }: Production): Promise<void> {
  await done
  if (replica.users > 0) await whenEnded(replica)
}

/** Runs a source and records what comes of it. The run of whoever calls this must have been won: its `open` is the first. */
export function produce<F>(source: RunSource<F> | RunSourceFunction<F>, options: ProduceOptions): Production {
  const { replica, by, format, clock, maxDuration, maxChars, maxFrames, onError } = options
  const aborter = new AbortController()
  const meter = (replica.meter = createMeter(clock, () => replica.records.elsewhere))
  replica.isProducing = true
  /** Why it ends before its source does. */
  let verdict: { readonly status: "failed"; readonly error: RunError } | undefined
  let isOver = false
  let frames = 0
  let interrupt: (() => void) | undefined

  const recorder = createRecorder({
    ...options,
    onLost(error) {
      onError(error)
      replica.end({ status: "failed", error: STORE_AWAY })
      halt()
    },
    onFault(error) {
      onError(error)
      fail(describe(error))
    },
  })
  const unlisten = replica.listen(() => {
    // stopped, or given up: whatever comes now, nobody would get it
    if (replica.ending) halt()
  })
  const undoLimit = maxDuration < Infinity ? clock.after(maxDuration, () => fail(tooLate(maxDuration))) : undefined

  function halt(): void {
    if (isOver) return
    isOver = true
    interrupt?.()
  }

  function fail(error: RunError): void {
    verdict ??= { status: "failed", error }
    halt()
  }

  async function run(): Promise<void> {
    const follower: FrameReader<unknown> = format.reader()
    const opening = openFrames(source, { id: replica.id, signal: aborter.signal }, format as Format<F>, {
      // no character of JSON takes more than three bytes
      maxEventBytes: Math.min(maxChars * 3, MAX_EVENT_BYTES),
      onSkip: onError,
    })
    const over = new Promise<Ending>((resolve) => (interrupt = () => resolve({ status: "completed" })))
    const pumping = opening.then((frames) => (isOver ? { status: "completed" as const } : pump(frames, follower)))
    let ending: Ending
    try {
      // a source need not heed its signal: once the run is over, nobody waits for it
      ending = await Promise.race([pumping, over])
    } catch (error) {
      if (!isOver) onError(error)
      ending = { status: "failed", error: describe(error) }
    }
    pumping.catch(() => {})
    isOver = true
    undoLimit?.()
    // what ended it otherwise may have kept the last frames from the log
    if (!verdict) replica.reader = follower
    const last = finish(recorder, replica, by, verdict ?? ending)
    aborter.abort(new DOMException("The run is over.", "AbortError"))
    opening.then(letGo).catch(() => {})
    await last
    unlisten()
    replica.isProducing = false
  }

  async function pump({ iterator, isWire }: Frames<F>, follower: FrameReader<unknown>): Promise<Ending> {
    const completed: Ending = { status: "completed" }
    const turns = turnsOf(clock)
    let told: Ending | undefined
    for (;;) {
      // a source may have thousands of frames ready
      if (turns.isOver) await turns.next()
      let result: IteratorResult<F>
      try {
        result = await iterator.next()
      } catch (error) {
        // of several answers the last one is whole, and its connection has nothing more to say
        if (format.isSequence && told) return told
        throw isTooLarge(error) ? tooLong(maxChars) : error
      }
      if (isOver) return completed
      if (result.done) break
      const { value } = result
      if (value === format.terminator) return told ?? completed
      if (++frames > maxFrames) throw tooMany(maxFrames)
      const parts = follower.take(value)
      if (!follower.isComplete) told = undefined
      for (const part of parts) if (part.type === "end") told = part.ending
      const isFirst = meter.take(parts)
      const registry = recorder.push(value, isFirst || !isDelta(parts), textLength(parts))
      if (isFirst) options.onFirst()
      if (meter.raw > maxChars) throw tooLong(maxChars)
      if (registry) await registry
      // its own end, whatever the connection brings after it
      if (told && follower.isComplete && !(format.isSequence && told.status === "completed")) return told
    }
    if (told) return told
    const isWhole = follower.isComplete || format.endsWithSource === true || (format.endsWithSource && !isWire)
    if (!isWhole) throw new OnwardError("stream_ended", "the answer ended before it was complete")
    return completed
  }

  /** Not awaited: a source may never let go. */
  async function letGo({ iterator }: Frames<F>): Promise<void> {
    await iterator.return?.()
  }

  function leave(error: RunError): void {
    recorder.stop()
    replica.end({ status: "failed", error })
  }

  const done = run().catch(onError)
  return { replica, done, fail, leave }
}

async function finish(recorder: Recorder, replica: Replica, by: string, ending: Ending): Promise<void> {
  if (replica.ending) return recorder.stop()
  const { status, error } = ending as { status: EndStatus; error?: RunError }
  const { meter } = replica
  await recorder.finish({
    type: "end",
    mark: markOf(),
    by,
    status,
    ...(error && { error }),
    ...(meter?.usage && { usage: meter.usage }),
    ...(meter && { metrics: meter.read() }),
  })
}

/** How much text a frame has. */
function textLength(parts: readonly Part[]): number {
  let length = 0
  for (const part of parts) if ("delta" in part) length += part.delta.length
  return length
}

/** Whether all that a frame says is more of what was begun: that may wait for more of it. */
const isDelta = (parts: readonly Part[]): boolean =>
  parts.length > 0 && parts.every(({ type }) => type === "text" || type === "reasoning" || type === "tool-input")

/** Longest text that every JavaScript engine holds, in bytes of an event. */
const MAX_EVENT_BYTES = 536_870_888

const isTooLarge = (error: unknown): boolean => error instanceof OnwardError && error.code === "event_too_large"

const tooLate = (maxDuration: number): RunError => ({
  code: "run_too_long",
  message: `The answer took longer than maxDuration = ${maxDuration} ms. Ask for a shorter one, or raise maxDuration of createRuns.`,
})
const STORE_AWAY: RunError = { code: "log_unavailable", message: "the answer could not be kept: its store is away" }
const tooLong = (maxChars: number): OnwardError =>
  new OnwardError(
    "message_too_large",
    `The answer is longer than maxChars = ${maxChars} characters. Ask for a shorter one, or raise maxChars of createRuns.`,
  )

const tooMany = (maxFrames: number): OnwardError =>
  new OnwardError(
    "message_too_large",
    `The answer has more than maxFrames = ${maxFrames} frames. Ask for a shorter one, or raise maxFrames of createRuns.`,
  )

/** What may be told of an error to whoever watches: only what this library says itself, which holds no secret. */
function describe(error: unknown): RunError {
  if (error instanceof OnwardError) return { code: error.code, message: error.message }
  return { code: "source_failed", message: "the source of this answer failed" }
}
