export {
  createHub,
  type DrainOptions,
  type Hub,
  type HubOptions,
  type HubStats,
  type MessageOf,
  type PublishResult,
} from "./hub.ts"
export { comment, end } from "./control.ts"
export { followTopic, type Followed } from "./follow-topic.ts"
export { internalsOf, type Internals } from "./internals.ts"
export type { PresenceState, Presence, PresenceOptions } from "./presence/presence.ts"
export type { Limits } from "./limits.ts"
export type { StartPoint } from "./start-point.ts"
export { isSubscription, Subscription, type PreparedStream, type SubscribeOptions } from "./subscription.ts"
export type { WindowOptions } from "./window.ts"
