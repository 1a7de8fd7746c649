export { sse } from "../web/index.ts"
export type {
  CorsOptions,
  Source,
  SourceContext,
  SourceFunction,
  SseOptions,
  SourceItem,
  SourceStream,
} from "../server/index.ts"
