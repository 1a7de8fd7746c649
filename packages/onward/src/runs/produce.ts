import { OnwardError } from "../errors.ts"
import type { Ending, Format, Follower, Part } from "./format.ts"
import { createMeter } from "./metrics.ts"
import { markOf, type EndStatus, type RunError } from "./record.ts"
import { createRecorder, type Recorder, type RecorderOptions } from "./recorder.ts"
import { openFrames, type Frames, type RunSource, type RunSourceFunction } from "./source.ts"
import type { View } from "./view.ts"

export interface ProduceOptions extends Omit<RecorderOptions, "onLost" | "onFault"> {
  /** Longest life of the run, in ms. */
  readonly maxRun: number
  /** Longest answer, in UTF-16 units of data. */
  readonly maxLength: number
  readonly onFirst: () => void
}

/** A run that is being produced here. */
export interface Production {
  /** Resolves once the run is over and the log knows, or cannot be told. Never rejects. */
  readonly done: Promise<void>
  /** Ends it from within this process. */
  readonly fail: (error: RunError) => void
  /** Waits no longer for the log to take its end: those who watch here are told, and everybody else that its producer is lost. */
  readonly leave: (error: RunError) => void
}

/** Runs a source and records what comes of it. The run of whoever calls this must have been won: its `open` is the first. */
export function produce<F>(source: RunSource<F> | RunSourceFunction<F>, options: ProduceOptions): Production {
  const { view, by, format, clock, maxRun, maxLength, onError } = options
  const aborter = new AbortController()
  const meter = (view.meter = createMeter(clock, () => view.fold.elsewhere))
  view.isProducing = true
  /** Why it ends before its source does. */
  let verdict: { readonly status: "failed"; readonly error: RunError } | undefined
  let isOver = false
  let interrupt: (() => void) | undefined

  const recorder = createRecorder({
    ...options,
    onLost(error) {
      onError(error)
      view.end({ status: "failed", error: STORE_AWAY })
      halt()
    },
    onFault(error) {
      onError(error)
      fail(describe(error))
    },
  })
  const unlisten = view.listen(() => {
    // stopped, or given up: whatever comes now, nobody would get it
    if (view.ending) halt()
  })
  const undoLimit = maxRun < Infinity ? clock.after(maxRun, () => fail(TOO_LATE)) : undefined

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
    const opening = openFrames(source, { id: view.id, signal: aborter.signal }, format as Format<F>)
    const over = new Promise<Ending>((resolve) => (interrupt = () => resolve({ status: "completed" })))
    const pumping = opening.then((frames) => (isOver ? { status: "completed" as const } : pump(frames)))
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
    const last = finish(recorder, view, by, verdict ?? ending)
    aborter.abort(new DOMException("The run is over.", "AbortError"))
    opening.then(letGo).catch(() => {})
    await last
    unlisten()
    view.isProducing = false
  }

  async function pump({ iterator }: Frames<F>): Promise<Ending> {
    const follower: Follower<unknown> = format.follow()
    let told: Ending | undefined
    for (;;) {
      const { done, value } = await iterator.next()
      if (isOver) return { status: "completed" }
      if (done) break
      const parts = follower.take(value)
      for (const part of parts) if (part.type === "end") told = part.ending
      const isFirst = meter.take(parts)
      const room = recorder.push(value, isFirst || !isDelta(parts))
      if (isFirst) options.onFirst()
      if (meter.raw > maxLength) throw TOO_LONG
      if (room) await room
      // its own end, whatever else the connection may still bring
      if (told && follower.isComplete) return told
    }
    if (told) return told
    if (!follower.isComplete && !format.endsWithSource) {
      throw new OnwardError("stream_ended", "the answer ended before it was complete")
    }
    return { status: "completed" }
  }

  /** Not awaited: a source may never let go. */
  async function letGo({ iterator }: Frames<F>): Promise<void> {
    await iterator.return?.()
  }

  function leave(error: RunError): void {
    recorder.stop()
    view.end({ status: "failed", error })
  }

  const done = run().catch(onError)
  return { done, fail, leave }
}

async function finish(recorder: Recorder, view: View, by: string, ending: Ending): Promise<void> {
  if (view.ending) return recorder.stop()
  const { status, error } = ending as { status: EndStatus; error?: RunError }
  const { meter } = view
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

/** Whether all that a frame says is more of what was begun: that may wait for more of it. */
const isDelta = (parts: readonly Part[]): boolean =>
  parts.length > 0 && parts.every(({ type }) => type === "text" || type === "reasoning" || type === "tool-input")

const TOO_LATE: RunError = { code: "run_too_long", message: "the answer took longer than it may" }
const STORE_AWAY: RunError = { code: "log_unavailable", message: "the answer could not be kept: its store is away" }
const TOO_LONG = new OnwardError("message_too_large", "the answer is longer than it may be")

/** What may be told of an error to whoever watches: only what this library says itself, which holds no secret. */
function describe(error: unknown): RunError {
  if (error instanceof OnwardError) return { code: error.code, message: error.message }
  return { code: "source_failed", message: "the source of this answer failed" }
}
