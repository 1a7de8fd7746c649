/**
 * Event streams for Express 4 and 5, whose request and response are Node's. Headers set by middleware are sent with the stream, and
 * `compression` is flushed after each write.
 * @example
 * app.get("/me/events", auth, (req, res) => sse(req, res, hub.subscribe({ topics: [`user/${req.user.id}`] })))
 */
export { sse } from "../node/index.ts"
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
