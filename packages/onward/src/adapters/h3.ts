import type { Source, SseOptions } from "../server/index.ts"
import { sse as stream } from "../web/index.ts"

export type { CorsOptions, Source, SourceContext, SourceFunction, SseOptions, Yielded } from "../server/index.ts"

/** What is touched of h3's `event`. */
export interface H3Event {
  readonly req: Request
}

/**
 * Answers a request of h3 2 and Nitro 3 with an event stream. Headers set on `event.res` go out with it.
 * @example
 * app.get("/events", (event) => sse(event, hub.subscribe({ topics: ["news"] })))
 */
export function sse(event: H3Event, source: Source, options?: SseOptions): Promise<Response> {
  return stream(event.req, source, options)
}
