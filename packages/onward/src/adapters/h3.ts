import type { Source, SseOptions } from "../server/index.ts"
import { sse as stream } from "../web/index.ts"

export type { CorsOptions, Source, SourceContext, SourceFunction, SseOptions, Yielded } from "../server/index.ts"

/** What is touched of h3's `event`. */
export interface H3Event {
  readonly req: Request & {
    readonly runtime?: { readonly bun?: { readonly server?: unknown } | undefined } | undefined
  }
}

/**
 * Answers a request of h3 2 and Nitro 3 with an event stream. Headers set on `event.res` go out with it.
 * @example
 * app.get("/events", (event) => sse(event, hub.subscribe({ topics: ["news"] })))
 */
export function sse({ req }: H3Event, source: Source, options?: SseOptions): Promise<Response> {
  const server = req.runtime?.bun?.server
  // Bun closes what is silent for 10 s, sooner than a heartbeat
  if (server) (server as { timeout(request: Request, seconds: number): void }).timeout(req, 0)
  return stream(req, source, options)
}
