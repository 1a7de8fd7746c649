export { sse, type NodeRequest, type NodeResponse } from "../node/index.ts"
export type { CorsOptions, Source, SourceContext, SourceFunction, SseOptions, SourceItem } from "../server/index.ts"
