import { OnwardError } from "../errors.ts"
import type { Ending, Format, FrameReader, Part } from "./format.ts"
import { createMeter, type Meter } from "./metrics.ts"
import { markOf, type EndStatus, type RunError } from "./record.ts"
import { createRecorder, type Recorder, type RecorderOptions } from "./recorder.ts"
import { turnsOf } from "../turns.ts"
import { openFrames, type Frames, type RunSource, type RunSourceFunction } from "./source.ts"
import type { Replica } from "./replica.ts"

export interface ProduceOptions extends Omit<RecorderOptions, "onLost" | "onFault"> {
  /** Maximum duration of the run, in ms. */
  readonly maxDuration: number
  /** Maximum length of the response, in UTF-16 units of data. */
  readonly maxChars: number
  /** Maximum number of frames of a source: empty ones such as `{}` hardly count towards `maxChars`. */
  readonly maxFrames: number
  readonly onFirst: () => void
}

/** A run that this process produces. */
export interface Production {
  /** Resolves when the run is over and viewers of this process know its end. Never rejects. */
  readonly done: Promise<void>
  /** Ends the run as failed. */
  readonly fail: (error: RunError) => void
  /** Stops waiting for the log to store the end: viewers of this process see it, and those of others that the producer is lost. */
  readonly leave: (error: RunError) => void
}

/** Runs a source and records its frames. The caller's `open` record must be the first of the run. */
export function produce<F>(source: RunSource<F> | RunSourceFunction<F>, options: ProduceOptions): Production {
  const { replica, by, format, clock, maxDuration, maxChars, maxFrames, onError } = options
  const aborter = new AbortController()
  const meter = (replica.meter = createMeter(clock, () => replica.records.elsewhere))
  /** Why the run ends before its source. */
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
  replica.producer = recorder
  // the log was recreated since the run was claimed
  if (!replica.records.isOpen) recorder.rewrite()
  const unlisten = replica.listen(() => {
    // stopped or marked as lost: no viewer would receive further frames
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
    const reader: FrameReader<unknown> = format.reader()
    const opening = openFrames(source, { id: replica.id, signal: aborter.signal }, format as Format<F>, {
      // a character of JSON takes at most three bytes
      maxEventBytes: Math.min(maxChars * 3, MAX_EVENT_BYTES),
      onSkip: onError,
    })
    const over = new Promise<Ending>((resolve) => (interrupt = () => resolve({ status: "completed" })))
    const pumping = opening.then((frames) => (isOver ? { status: "completed" as const } : pump(frames, reader)))
    let ending: Ending
    try {
      // a source may ignore its signal, so a run that is over does not wait for it
      ending = await Promise.race([pumping, over])
    } catch (error) {
      if (!isOver) onError(error)
      ending = { status: "failed", error: describe(error) }
    }
    pumping.catch(() => {})
    isOver = true
    undoLimit?.()
    // with a verdict, the last frames may be missing from the log
    if (!verdict) replica.reader = reader
    const last = finish(recorder, { replica, meter, by }, verdict ?? ending)
    aborter.abort(new DOMException("The run is over.", "AbortError"))
    opening.then(letGo).catch(() => {})
    await last
    unlisten()
    replica.producer = undefined
  }

  async function pump({ iterator, isWire }: Frames<F>, reader: FrameReader<unknown>): Promise<Ending> {
    const completed: Ending = { status: "completed" }
    const turns = turnsOf(clock)
    let told: Ending | undefined
    for (;;) {
      // a source can have thousands of frames ready
      if (turns.isOver) await turns.next()
      let result: IteratorResult<F>
      try {
        result = await iterator.next()
      } catch (error) {
        // the last response of the sequence is complete, so the error of its connection does not matter
        if (format.isSequence && told) return told
        throw isTooLarge(error) ? tooLong(maxChars) : error
      }
      if (isOver) return completed
      if (result.done) break
      const { value } = result
      if (value === format.terminator) return told ?? completed
      if (++frames > maxFrames) throw tooMany(maxFrames)
      const parts = reader.take(value)
      if (!reader.isComplete) told = undefined
      for (const part of parts) if (part.type === "end") told = part.ending
      const isFirst = meter.take(parts)
      const room = recorder.push(value, isFirst || !isDelta(parts), textLength(parts))
      if (isFirst) options.onFirst()
      if (meter.raw > maxChars) throw tooLong(maxChars)
      if (room) await room
      // the response has ended; later bytes of the connection do not matter
      if (told && reader.isComplete && !(format.isSequence && told.status === "completed")) return told
    }
    if (told) return told
    const isWhole = reader.isComplete || format.endsWithSource === true || (format.endsWithSource && !isWire)
    if (!isWhole)
      throw new OnwardError("stream_ended", "The source ended before the response was complete. Start another run.")
    return completed
  }

  /** Not awaited, because a source may never return. */
  async function letGo({ iterator }: Frames<F>): Promise<void> {
    await iterator.return?.()
  }

  function leave(error: RunError): void {
    recorder.stop()
    replica.end({ status: "failed", error })
  }

  const done = run().catch(onError)
  return { done, fail, leave }
}

interface Finishing {
  readonly replica: Replica
  readonly meter: Meter
  readonly by: string
}

async function finish(recorder: Recorder, { replica, meter, by }: Finishing, ending: Ending): Promise<void> {
  if (replica.ending) return recorder.stop()
  const { status, error } = ending as { status: EndStatus; error?: RunError }
  const metrics = meter.read()
  await recorder.finish(() => ({
    type: "end",
    mark: markOf(),
    by,
    status,
    ...(error && { error }),
    ...(meter.usage && { usage: meter.usage }),
    // the last frames are merged after the end
    metrics: { ...metrics, merged: meter.merged },
  }))
}

/** The length of the text in a frame. */
function textLength(parts: readonly Part[]): number {
  let length = 0
  for (const part of parts) if ("delta" in part) length += part.delta.length
  return length
}

/** Whether a frame only continues open parts, so that it can wait for more text. */
const isDelta = (parts: readonly Part[]): boolean =>
  parts.length > 0 && parts.every(({ type }) => type === "text" || type === "reasoning" || type === "tool-input")

/** The longest text that all JavaScript engines support, in bytes of an event. */
const MAX_EVENT_BYTES = 536_870_888

const isTooLarge = (error: unknown): boolean => error instanceof OnwardError && error.code === "event_too_large"

const tooLate = (maxDuration: number): RunError => ({
  code: "run_too_long",
  message: `The response took longer than maxDuration = ${maxDuration} ms. Ask for a shorter one, or raise maxDuration of createRuns.`,
})
const STORE_AWAY: RunError = {
  code: "log_unavailable",
  message: "The store of this response is unavailable. Start another run later.",
}
const tooLong = (maxChars: number): OnwardError =>
  new OnwardError(
    "message_too_large",
    `The response is longer than maxChars = ${maxChars} characters. Ask for a shorter one, or raise maxChars of createRuns.`,
  )

const tooMany = (maxFrames: number): OnwardError =>
  new OnwardError(
    "message_too_large",
    `The response has more than maxFrames = ${maxFrames} frames. Ask for a shorter one, or raise maxFrames of createRuns.`,
  )

/** An error as viewers may see it: only this library's own messages, which contain no secrets. */
function describe(error: unknown): RunError {
  if (error instanceof OnwardError) return { code: error.code, message: error.message }
  return { code: "source_failed", message: "The source of this response failed. Start another run." }
}
