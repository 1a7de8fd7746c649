import { OnwardError } from "../errors.ts"
import type { Ending, Format, Follower, Part } from "./format.ts"
import { createMeter } from "./metrics.ts"
import { markOf, type EndStatus, type RunError } from "./record.ts"
import { createRecorder, type Recorder, type RecorderOptions } from "./recorder.ts"
import { openFrames, type Frames, type RunSource, type RunSourceFunction } from "./source.ts"
import type { View } from "./view.ts"

export interface ProduceOptions extends Omit<RecorderOptions, "onLost"> {
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
}

/** Runs a source and records what comes of it. The run of whoever calls this must have been won: its `open` is the first. */
export function produce<F>(source: RunSource<F> | RunSourceFunction<F>, options: ProduceOptions): Production {
  const { view, by, format, clock, maxRun, maxLength, onError } = options
  const aborter = new AbortController()
  const meter = (view.meter = createMeter(clock))
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

  /** What a promise brings, or undefined as soon as the run is over: a source need not heed its signal. */
  function unlessOver<T>(promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      interrupt = () => resolve(undefined)
      promise.then(resolve, reject)
      if (isOver) resolve(undefined)
    })
  }

  async function run(): Promise<void> {
    const follower = format.follow()
    let frames: Frames<F> | undefined
    let ending: Ending = { status: "completed" }
    let isOpening: Promise<Frames<F>> | undefined
    try {
      isOpening = openFrames(source, { id: view.id, signal: aborter.signal }, format as Format<F>)
      frames = await unlessOver(isOpening)
      if (frames) ending = await pump(frames, follower)
    } catch (error) {
      if (!isOver) {
        onError(error)
        ending = { status: "failed", error: describe(error) }
      }
    }
    isOver = true
    undoLimit?.()
    if (verdict) ending = verdict
    const last = finish(recorder, view, by, ending)
    leave(frames, isOpening)
    await last
    unlisten()
    view.isProducing = false
    aborter.abort(new DOMException("The run is over.", "AbortError"))
  }

  async function pump({ iterator, isRemote }: Frames<F>, follower: Follower<unknown>): Promise<Ending> {
    let told: Ending | undefined
    for (;;) {
      const result = await unlessOver(iterator.next())
      if (!result || isOver) return { status: "completed" }
      if (result.done) break
      const parts = follower.take(result.value)
      for (const part of parts) if (part.type === "end") told = part.ending
      const isFirst = meter.take(parts)
      const wait = recorder.push(result.value, isFirst || !isDelta(parts))
      if (isFirst) options.onFirst()
      if (meter.raw > maxLength) throw TOO_LONG
      if (wait) await unlessOver(wait)
      // its own end, whatever else the connection may still bring
      if (told && follower.isComplete) return told
    }
    if (told) return told
    if (isRemote && !follower.isComplete && format.name !== "text") {
      throw new OnwardError("stream_ended", "the provider's answer ended before it was complete")
    }
    return { status: "completed" }
  }

  /** Not awaited: a source may never let go. */
  function leave(frames: Frames<F> | undefined, opening: Promise<Frames<F>> | undefined): void {
    if (!frames) opening?.then((late) => leave(late, undefined)).catch(() => {})
    aborter.abort(new DOMException("The run is over.", "AbortError"))
    try {
      frames?.iterator.return?.()?.catch(() => {})
    } catch {
      // its own affair: the run has ended without it
    }
  }

  const done = run().catch(onError)
  return { done, fail }
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
