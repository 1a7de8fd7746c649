export { sse } from "../web/index.ts"
export type { CorsOptions, Source, SourceContext, SourceFunction, SseOptions, SourceItem } from "../server/index.ts"
