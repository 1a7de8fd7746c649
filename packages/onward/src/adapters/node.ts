export { sse, type NodeRequest, type NodeResponse } from "../node/index.ts"
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
