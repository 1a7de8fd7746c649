import type { Source, SseOptions } from "../server/index.ts"
import { checkRequest, sseUntil } from "../web/index.ts"

export type {
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

/** What is touched of h3's `event`. */
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

/** What is touched of Node's response; over HTTP/2 it is its stream that is destroyed. */
interface NodeResponse {
  readonly destroyed?: boolean
  readonly stream?: { readonly destroyed: boolean }
  once(event: "close", listener: () => void): unknown
}

/**
 * Answers a request of h3 2 and Nitro 3 with an event stream. Headers set on `event.res` go out with it.
 * @example
 * app.get("/events", (event) => sse(event, hub.subscribe({ topics: ["news"] })))
 */
export function sse<S extends Source>(event: H3Event, source: S, options?: SseOptions<S>): Promise<Response> {
  checkRequest("sse of onward/h3 takes h3's event, whose `req` is a Request", event?.req)
  const { req } = event
  const server = req.runtime?.bun?.server
  // Bun closes what is silent for 10 s, sooner than a heartbeat
  if (server) (server as { timeout(request: Request, seconds: number): void }).timeout(req, 0)
  return sseUntil(leaving(req), req, source, options)
}

/**
 * Aborted when the client leaves. On Node that is when its response closes: the request's own signal is aborted by Nitro 3.0 as soon as
 * the body of a POST was read.
 */
function leaving(req: H3Event["req"]): AbortSignal {
  const response = req.runtime?.node?.res as NodeResponse | undefined
  if (!response) return req.signal
  const controller = new AbortController()
  if (response.destroyed || response.stream?.destroyed) controller.abort()
  else response.once("close", () => controller.abort())
  return controller.signal
}
