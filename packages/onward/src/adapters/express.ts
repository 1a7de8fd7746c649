/**
 * Express 4 and 5. Their request and response are Node's own, and nothing of Express has to step aside: headers that middleware has set
 * go out with the stream, and `compression` is written through and flushed.
 * @example
 * app.get("/me/events", auth, (req, res) => sse(req, res, hub.subscribe({ topics: [`user/${req.user.id}`] })))
 */
export { sse } from "../node/index.ts"
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
