import { OnwardError } from "../errors.ts"
import { iteratorOf } from "../stream-iterator.ts"
import type { Format } from "./format.ts"
import { framesIn, type FramesOptions } from "./frames.ts"

/** What a run takes frames from. */
export type RunStream<F> = AsyncIterable<F> | ReadableStream<F>

/** Where an answer comes from: frames of the run's format, or a provider's response whose body is an event stream of that format. */
export type RunSource<F> = RunStream<F> | Response | Promise<RunStream<F> | Response>

/** What a function that makes a source is given. */
export interface RunContext {
  readonly id: string
  /** Aborted when the run is stopped, given up or over: give it to whatever is asked for the answer, never a request's own. */
  readonly signal: AbortSignal
}

export type RunSourceFunction<F> = (context: RunContext) => RunSource<F>

/** A source that runs. */
export interface Frames<F> {
  readonly iterator: AsyncIterator<F>
  /** Whether they are read from a `Response`, whose end may be a cut. */
  readonly isWire: boolean
}

/**
 * Starts a source.
 * @throws what the source throws; OnwardError `bad_status`, `bad_content_type` for a response that is no event stream
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
  throw new TypeError("the source of a run must be an async iterable, a ReadableStream or a Response")
}

/** Disposes of a source that is not used after all. A function was never called, so it holds nothing. */
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
  const type = headers.get("content-type") ?? ""
  const fault =
    status < 200 || status > 299
      ? new OnwardError("bad_status", `the provider answered with status ${status}`, { status })
      : !/^text\/event-stream\b/i.test(type) || !body
        ? new OnwardError("bad_content_type", "the provider's answer is no event stream", { status })
        : undefined
  if (fault) {
    body?.cancel().catch(() => {})
    throw fault
  }
  return framesIn(body as ReadableStream<Uint8Array>, format, options)
}
