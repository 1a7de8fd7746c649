export type { ConnectionOptions } from "./connection.ts"
export {
  EventSource,
  type EventSourceErrorEvent,
  type EventSourceEventMap,
  type EventSourceListening,
  type EventSourceOptions,
} from "./event-source.ts"
export type { Attempt, Body, FetchedResponse, FetchLike, RequestOptions } from "./request.ts"
export type { RetryOptions } from "./retry.ts"
export type { SharedOptions } from "./shared.ts"
export {
  stream,
  type EventStream,
  type Gap,
  type StreamEvent,
  type StreamOptions,
  type StreamStatus,
  type TypedStreamEvent,
  type TypedStreamOptions,
} from "./stream.ts"
export { OnwardError, type OnwardErrorCode } from "../errors.ts"
