export type { Clock } from "./clock.ts"
export { OnwardError, type OnwardErrorCode } from "./errors.ts"
export {
  defineEvents,
  type EventContract,
  type EventInput,
  type EventOutput,
  type EventSchemas,
  type InputOf,
  type OutputOf,
  type Schema,
  type SchemaIssue,
  type SchemaResult,
} from "./events.ts"
export {
  createHub,
  publishedLog,
  type PresenceChange,
  type PresenceListener,
  type PresenceState,
  type CloseReason,
  type DisconnectOptions,
  type DrainOptions,
  type ForgetOptions,
  type Hub,
  type HubObservation,
  type HubOptions,
  type HubStats,
  type Limits,
  type LogOperation,
  type MessageOf,
  type ObservedStream,
  type PreparedStream,
  type Presence,
  type PresenceOptions,
  type PublishOptions,
  type PublishResult,
  type Resolved,
  type ResolveOptions,
  type StartOutcome,
  type StartPoint,
  type StreamInfo,
  type StreamsOptions,
  type StreamState,
  type SubscribeOptions,
  type Subscription,
  type TopicMatcher,
  type WatchedTopics,
  type WindowOptions,
} from "./hub/index.ts"
export { memoryLog, type Log, type Retention } from "./log/index.ts"
export type { Frame, Piece } from "./frame.ts"
export type { Entry, Message, Position } from "./message.ts"
export type { Sink, SinkOwner } from "./sink.ts"
export { isPattern } from "./topic.ts"
