import type { Source, SseOptions } from "../server/index.ts"
import { checkRequest, sse as stream } from "../web/index.ts"

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

/** The parts that are used of Hono's `c`. */
export interface HonoContext {
  readonly req: { readonly raw: Request }
  readonly env: unknown
  newResponse(body: ReadableStream | null, init: Response): Response
}

/**
 * Answers a request of Hono 4 with an event stream, on each runtime of Hono. Headers set by `c.header` or by middleware are sent with it.
 * @example
 * app.get("/events", (c) => sse(c, hub.subscribe({ topics: ["news"] })))
 */
export function sse<S extends Source>(c: HonoContext, source: S, options?: SseOptions<S>): Promise<Response> {
  checkRequest("sse of onward/hono takes Hono's context, whose `req.raw` is a Request", c?.req?.raw)
  return stream(c.req.raw, source, options).then((response) => {
    stayOpen(c)
    return c.newResponse(response.body, response)
  })
}

/** Bun closes connections that are silent for 10 s, which is sooner than a heartbeat. Hono has the server in `env` or in `env.server`. */
function stayOpen({ env, req }: HonoContext): void {
  const { server = env } = Object(env) as { readonly server?: unknown }
  const { timeout } = Object(server) as { readonly timeout?: unknown }
  if (typeof timeout === "function") timeout.call(server, req.raw, 0)
}
