import { OnwardError } from "../errors.ts"
import { iteratorOf } from "../stream-iterator.ts"
import { eventStreamIn, notAnEventStream } from "./event-stream.ts"
import type { Format } from "./format.ts"
import { framesIn, type FramesOptions } from "./frames.ts"

/** What a run takes frames from. */
export type RunStream<F> = AsyncIterable<F> | ReadableStream<F>

/** The source of a run: frames of its format, or a provider's `Response` whose body is an event stream in that format. */
export type RunSource<F> = RunStream<F> | Response | Promise<RunStream<F> | Response>

/** The argument of a function that makes a source. */
export interface RunContext {
  readonly id: string
  /** Aborted when the run is stopped, lost or over. Pass it to the provider's client instead of a request's signal. */
  readonly signal: AbortSignal
}

export type RunSourceFunction<F> = (context: RunContext) => RunSource<F>

/** A source that has started. */
export interface Frames<F> {
  readonly iterator: AsyncIterator<F>
  /** Whether the frames are read from a `Response`, which may have been cut. */
  readonly isWire: boolean
}

/**
 * Starts a source. Throws the error of the source.
 * @throws OnwardError `bad_status`, `bad_content_type` for a response that is not an event stream
 */
export async function openFrames<F>(
  source: RunSource<F> | RunSourceFunction<F>,
  context: RunContext,
  format: Format<F>,
  options: FramesOptions,
): Promise<Frames<F>> {
  const given = await (typeof source === "function" ? source(context) : source)
  if (isResponse(given)) return { iterator: framesOf(given, format, options), isWire: true }
  if (typeof given === "object" && given !== null) {
    if ("getReader" in given || Symbol.asyncIterator in given) return { iterator: iteratorOf(given), isWire: false }
  }
  throw new TypeError(
    "The source of a run must be an async iterable, a ReadableStream or a Response. Pass for instance fetch(provider, …).",
  )
}

/** Disposes of a source that is not used. A function was not called, so it holds nothing. */
export function discardSource(source: RunSource<unknown> | RunSourceFunction<unknown>): void {
  if (typeof source === "function") return
  Promise.resolve(source)
    .then(async (given) => {
      if (isResponse(given)) await given.body?.cancel()
      else if ("getReader" in given) await given.cancel()
      else await given[Symbol.asyncIterator]().return?.()
    })
    .catch(() => {})
}

const isResponse = (given: unknown): given is Response =>
  typeof given === "object" && given !== null && "headers" in given && "status" in given && "body" in given

function framesOf<F>(response: Response, format: Format<F>, options: FramesOptions): AsyncIterator<F> {
  const { status, headers, body } = response
  if (status < 200 || status > 299) {
    body?.cancel().catch(() => {})
    throw new OnwardError(
      "bad_status",
      `The provider answered with status ${status}. Check the request and its credentials.`,
      { status },
    )
  }
  if (!body) throw notAnEventStream()
  const isEventStream = /^text\/event-stream\b/i.test(headers.get("content-type") ?? "")
  return framesIn(isEventStream ? body : eventStreamIn(body), format, options)
}
