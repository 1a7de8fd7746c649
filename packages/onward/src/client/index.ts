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
export type { Gap, StreamEvent, TypedOptions, TypedStreamEvent } from "./received.ts"
export { stream, type EventStream, type StreamOptions, type StreamStatus, type TypedStreamOptions } from "./stream.ts"
export { OnwardError, type OnwardErrorCode } from "../errors.ts"
