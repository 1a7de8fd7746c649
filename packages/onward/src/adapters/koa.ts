import { sse as stream, type NodeRequest, type NodeResponse } from "../node/index.ts"
import { kindOf } from "../kind.ts"
import { withDefaults, type Source, type SseOptions } from "../server/index.ts"

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

/** The parts that are used of Koa's `ctx`. */
export interface KoaContext {
  readonly req: NodeRequest
  readonly res: NodeResponse
  respond?: boolean | undefined
  readonly app: { emit(event: "error", error: unknown, ctx: unknown): boolean }
}

/**
 * Answers a request of Koa 3 with an event stream. Headers set before are sent with it, and a `ctx.body` set later has no effect.
 * Errors of a custom source go to the app's `error` event, like those of Koa.
 * @example
 * router.get("/events", (ctx) => sse(ctx, hub.subscribe({ topics: ["news"] })))
 */
export function sse<S extends Source>(ctx: KoaContext, source: S, options?: SseOptions<S>): void {
  if (typeof ctx?.app?.emit !== "function") {
    throw new TypeError(`sse of onward/koa takes Koa's context, not ${kindOf(ctx)}. Pass sse(ctx, source, options).`)
  }
  const onError = (error: unknown): void => void ctx.app.emit("error", error, ctx)
  stream(ctx.req, ctx.res, source, withDefaults(source, options, { onError }))
  // last, so that Koa answers if sse throws
  ctx.respond = false
}
