export { OnwardError, type OnwardErrorCode } from "../client/index.ts"
export { chatTransport, type ChatTransport, type ChatTransportOptions } from "./chat-transport.ts"
export type {
  ChatRequest,
  ChatRequestOptions,
  PreparedRequest,
  PreparedSend,
  ReconnectPreparation,
  Resolvable,
  SendPreparation,
  SendRequest,
} from "./chat-request.ts"
export { openRun, type OpenRun, type OpenRunMetrics, type OpenRunOptions, type OpenRunStatus } from "./open-run.ts"
