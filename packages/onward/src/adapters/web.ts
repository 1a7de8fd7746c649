export { sse } from "../web/index.ts"
export type { CorsOptions, Source, SourceContext, SourceFunction, SseOptions, Yielded } from "../server/index.ts"
