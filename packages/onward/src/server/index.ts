export { answerStream } from "./answer.ts"
export { checkSseOptions } from "./check-options.ts"
export { corsHeaders, type CorsOptions } from "./cors.ts"
export type {
  CompressOptions,
  ContentCoding,
  SourceSseOptions,
  SseResponseOptions,
  SubscriptionSseOptions,
} from "./options.ts"
export { errorHandlerOf, prepareSource, withDefaults } from "./prepared-source.ts"
export { problem, report } from "./problem.ts"
export type { StreamRequest } from "./request.ts"
export type { PreparedSource, Source, SourceContext, SourceFunction, SourceItem, SourceStream } from "./source.ts"
export type { SseOptions } from "./sse-options.ts"
export type { StreamAnswer } from "./stream-answer.ts"
