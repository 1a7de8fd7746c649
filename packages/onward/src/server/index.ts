export { answer, problem, statusOf, type Answer, type SseOptions } from "./answer.ts"
export type { CorsOptions } from "./cors.ts"
export type { StreamRequest } from "./request.ts"
export type { Source, SourceContext, SourceFunction, Yielded } from "./source.ts"
