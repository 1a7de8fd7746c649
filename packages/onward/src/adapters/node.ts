export { sse, type NodeRequest, type NodeResponse } from "../node/index.ts"
export type {
  CorsOptions,
  Source,
  SourceContext,
  SourceFunction,
  SseOptions,
  SourceItem,
  SourceStream,
} from "../server/index.ts"
