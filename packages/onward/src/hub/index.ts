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
export { insidesOf, type Insides } from "./insides.ts"
export type { Attendees, Presence, PresenceOptions } from "./presence.ts"
export type { Limits } from "./limits.ts"
export type { StartPoint } from "./start.ts"
export { isSubscription, Subscription, type Opening, type SubscribeOptions } from "./subscription.ts"
export type { WindowOptions } from "./window.ts"
