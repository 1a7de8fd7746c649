export {
  createHub,
  type DisconnectOptions,
  type DrainOptions,
  type Hub,
  type MessageOf,
  type PublishResult,
} from "./hub.ts"
export type { ForgetOptions } from "./forget.ts"
export { publishedLog } from "./filed-log.ts"
export { comment, end } from "./control.ts"
export { followTopic, type FollowedTopic, type TopicReceiver, type TopicStart } from "./follow-topic.ts"
export { internalsOf, type LogInternals } from "./hub-context.ts"
export { createLogReader, type LogReader } from "./log-reader.ts"
export type { HubOptions } from "./hub-options.ts"
export type { CloseReason, HubObservation, LogOperation, ObservedStream, StartOutcome } from "./observation.ts"
export type { HubStats } from "./stats.ts"
export type { StreamInfo, StreamsOptions, StreamState } from "./stream-info.ts"
export type { PresenceOptions } from "./presence/options.ts"
export type { PresenceChange, PresenceState } from "./presence/merged.ts"
export type { Presence } from "./presence/presence.ts"
export type { PresenceListener, WatchedTopics } from "./presence/watchers.ts"
export type { Limits } from "./limits.ts"
export type { StartPoint } from "./start-point.ts"
export type { PublishOptions } from "./check-published.ts"
export type { TopicMatcher } from "./selector.ts"
export {
  isSubscription,
  Subscription,
  type PreparedStream,
  type Resolved,
  type ResolveOptions,
  type SubscribeOptions,
} from "./subscription.ts"
export type { WindowOptions } from "./window.ts"
