export type * from "./format.ts"
export { agUi } from "./formats/ag-ui.ts"
export type { Done } from "./formats/json.ts"
export { aiSdk } from "./formats/ai-sdk.ts"
export { anthropic } from "./formats/anthropic.ts"
export { openaiChat } from "./formats/openai-chat.ts"
export { openaiResponses } from "./formats/openai-responses.ts"
export { text, type TextFrame } from "./formats/text.ts"
export { framesIn, type FramesOptions } from "./frames.ts"
export type { RunMetrics } from "./metrics.ts"
export type {
  AttachOptions,
  RespondOptions,
  RunObservation,
  RunItem,
  RunOwner,
  Runs,
  RunsOptions,
  RunState,
  RunStatus,
  RunStreamOptions,
  StartedRun,
} from "./options.ts"
export type { EndStatus, RunError } from "./record.ts"
export { createRuns } from "./runs.ts"
export type { RunContext, RunSource, RunSourceFunction, RunStream } from "./source.ts"
