export type { ConnectionOptions } from "./connection.ts"
export {
  EventSource,
  type EventSourceErrorEvent,
  type EventSourceEventMap,
  type EventSourceHandler,
  type EventSourceListening,
  type EventSourceOptions,
  type Listener,
  type ListenerOptions,
  type TextMessageEvent,
} from "./event-source.ts"
export type {
  Attempt,
  ByteReader,
  CredentialsMode,
  FetchedResponse,
  FetchInit,
  FetchLike,
  RequestHeaders,
  RequestBody,
  RequestOptions,
} from "./request.ts"
export type { ClientObservation, ObserveOptions } from "./observe.ts"
export type { RetryOptions } from "./retry.ts"
export type { SharedOptions } from "./shared.ts"
export type { Gap, StreamEvent, TypedOptions, TypedStreamEvent } from "./received.ts"
export { stream, type EventStream, type StreamOptions, type StreamStatus, type TypedStreamOptions } from "./stream.ts"
export {
  defineEvents,
  type EventContract,
  type EventInput,
  type EventOutput,
  type EventSchemas,
  type Schema,
} from "../events.ts"
export { pollingFetch, type PolledResponse, type PollingOptions } from "./poll.ts"
export { OnwardError, type OnwardErrorCode } from "../errors.ts"
