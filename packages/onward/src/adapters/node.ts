export { sse, type NodeRequest, type NodeResponse } from "../node/index.ts"
export type { CorsOptions, Source, SourceContext, SourceFunction, SseOptions, Yielded } from "../server/index.ts"
