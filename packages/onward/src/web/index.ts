import type { Frame } from "../frame.ts"
import { kindOf } from "../kind.ts"
import { answerStream, type StreamAnswer, type Source, type SseOptions } from "../server/index.ts"
import type { Sink, SinkOwner } from "../sink.ts"
import { DirectSink, hasDirectStreams } from "./direct-sink.ts"

const encoder = new TextEncoder()

/** Bytes that are buffered for a client before its stream counts as full. */
const HIGH_WATER_BYTES = 65_536

/**
 * Answers a fetch `Request` with an event stream, in Bun, Deno, Cloudflare Workers, Next.js, SvelteKit and others.
 * @param source a hub's subscription, `runs.source(id)`, an async iterable, a ReadableStream, or a function `({ lastEventId, signal })` that returns one
 * @example
 * export default { fetch: (request) => sse(request, hub.subscribe({ topics: ["prices"] })) }
 */
export function sse<S extends Source>(request: Request, source: S, options?: SseOptions<S>): Promise<Response> {
  checkRequest("sse of onward/web takes a Request", request)
  return sseUntil(request.signal, request, source, options)
}

/** For runtimes where `signal`, instead of the request's, tells that the client disconnected. */
export function sseUntil<S extends Source>(
  signal: AbortSignal,
  request: Request,
  source: S,
  options?: SseOptions<S>,
): Promise<Response> {
  const { method, url, headers } = request
  const decided = answerStream(
    {
      method,
      url,
      header: (name) => headers.get(name) ?? undefined,
      hasLeft: signal.aborted,
      signal: request.signal,
      onLeave(left) {
        signal.addEventListener("abort", left)
        return () => signal.removeEventListener("abort", left)
      },
    },
    source,
    options,
  )
  // in the same turn, or requests in between would pass the same limits
  if (!("then" in decided)) return Promise.resolve(respond(signal, request, decided))
  return decided.then((later) => respond(signal, request, later))
}

/** Throws a `TypeError` that begins with `what` unless `request` is a fetch `Request`. */
export function checkRequest(what: string, request: unknown): asserts request is Request {
  const { headers, signal } = (request ?? {}) as Partial<Request>
  if (typeof headers?.get === "function" && signal) return
  const advice = headers && "rawHeaders" in (request as object) ? "For node:http use onward/node." : "Pass it first."
  throw new TypeError(`${what}, not ${kindOf(request)}. ${advice}`)
}

function respond(signal: AbortSignal, request: Request, { status, headers, body, start }: StreamAnswer): Response {
  const init = { status, headers: { ...headers } }
  if (!start) return new Response(request.method === "HEAD" ? null : body, init)
  const sink = hasDirectStreams ? new DirectSink(signal) : new StreamSink(signal, request)
  const response = new Response(sink.readable, init)
  start(sink)
  return response
}

class StreamSink implements Sink {
  owner: SinkOwner | undefined
  readonly readable: ReadableStream<Uint8Array>
  /** Referenced, because in undici the request's signal stops working when the request is garbage-collected. */
  readonly request: Request
  readonly #signal: AbortSignal
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #isOver = false

  constructor(signal: AbortSignal, request: Request) {
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.owner?.onDrain(),
        cancel: () => this.#left(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_BYTES }),
    )
    // a runtime reports a disconnect by cancelling the body, by aborting the request, or by both
    this.request = request
    this.#signal = signal
    signal.addEventListener("abort", this.#aborted)
  }

  write(frame: Frame): boolean {
    return this.#enqueue(frame.bytes)
  }

  writeText(text: string): boolean {
    return this.#enqueue(encoder.encode(text))
  }

  #enqueue(bytes: Uint8Array): boolean {
    if (this.#isOver) return true
    this.#controller.enqueue(bytes)
    return (this.#controller.desiredSize ?? 0) > 0
  }

  close(options?: { abort?: boolean }): void {
    if (this.#isOver) return
    if (options?.abort) this.#controller.error(new DOMException("The client did not read.", "AbortError"))
    else this.#controller.close()
    this.#left()
  }

  readonly #aborted = (): void => {
    // a runtime that also cancels the body does so in this turn, and would log the error
    queueMicrotask(() => this.#controller.error(this.#signal.reason))
    this.#left()
  }

  #left(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#signal.removeEventListener("abort", this.#aborted)
    this.owner?.onClose()
  }
}
