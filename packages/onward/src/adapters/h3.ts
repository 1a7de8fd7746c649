import type { Source, SseOptions } from "../server/index.ts"
import { checkRequest, sseUntil } from "../web/index.ts"

export type {
  CompressOptions,
  ContentCoding,
  CorsOptions,
  PreparedSource,
  Source,
  SourceContext,
  SourceFunction,
  SourceItem,
  SourceSseOptions,
  SourceStream,
  SseOptions,
  SseResponseOptions,
  SubscriptionSseOptions,
} from "../server/index.ts"

/** The parts that are used of h3's `event`. */
export interface H3Event {
  readonly req: Request & {
    readonly runtime?:
      | {
          readonly bun?: { readonly server?: unknown } | undefined
          readonly node?: { readonly res?: unknown } | undefined
        }
      | undefined
  }
}

/** The parts that are used of Node's response. Over HTTP/2 its stream is destroyed instead. */
interface NodeResponse {
  readonly destroyed?: boolean
  readonly stream?: { readonly destroyed: boolean }
  once(event: "close", listener: () => void): unknown
}

/**
 * Answers a request of h3 2 and Nitro 3 with an event stream. Headers set on `event.res` are sent with it.
 * @example
 * app.get("/events", (event) => sse(event, hub.subscribe({ topics: ["news"] })))
 */
export function sse<S extends Source>(event: H3Event, source: S, options?: SseOptions<S>): Promise<Response> {
  checkRequest("sse of onward/h3 takes h3's event, whose `req` is a Request", event?.req)
  const { req } = event
  const server = req.runtime?.bun?.server
  // Bun closes connections that are silent for 10 s, which is sooner than a heartbeat
  if (server) (server as { timeout(request: Request, seconds: number): void }).timeout(req, 0)
  return sseUntil(leaving(req), req, source, options)
}

/**
 * A signal that is aborted when the client disconnects. On Node that is when the response closes, because Nitro 3.0 aborts the request's
 * signal when the body of a POST has been read.
 */
function leaving(req: H3Event["req"]): AbortSignal {
  const response = req.runtime?.node?.res as NodeResponse | undefined
  if (!response) return req.signal
  const controller = new AbortController()
  if (response.destroyed || response.stream?.destroyed) controller.abort()
  else response.once("close", () => controller.abort())
  return controller.signal
}
