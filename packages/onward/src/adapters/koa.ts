import { sse as stream, type NodeRequest, type NodeResponse } from "../node/index.ts"
import { kindOf } from "../kind.ts"
import { withDefaults, type Source, type SseOptions } from "../server/index.ts"

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

/** What is touched of Koa's `ctx`. */
export interface KoaContext {
  readonly req: NodeRequest
  readonly res: NodeResponse
  respond?: boolean | undefined
  readonly app: { emit(event: "error", error: unknown, ctx: unknown): boolean }
}

/**
 * Answers a request of Koa 3 with an event stream. Headers set before go out with it; what middleware does to `ctx.body`
 * afterwards does not concern it. Errors of a source of your own go to the app's `error` event, as Koa's do.
 * @example
 * router.get("/events", (ctx) => sse(ctx, hub.subscribe({ topics: ["news"] })))
 */
export function sse<S extends Source>(ctx: KoaContext, source: S, options?: SseOptions<S>): void {
  if (typeof ctx?.app?.emit !== "function") {
    throw new TypeError(`sse of onward/koa takes Koa's context, not ${kindOf(ctx)}. Pass sse(ctx, source, options).`)
  }
  const onError = (error: unknown): void => void ctx.app.emit("error", error, ctx)
  stream(ctx.req, ctx.res, source, withDefaults(source, options, { onError }))
  // only now: a misuse that throws is still answered by Koa
  ctx.respond = false
}
