import type { Message } from "onward"
import type { Dialect } from "./dialect.ts"
import { compileGrants } from "./granted.ts"
import type { Selector } from "./selectors/selector.ts"
import type { MercureToken } from "./tokens.ts"

/** One selector of a stream, for the subscription API. */
export interface Subscription {
  /** Its parameter in the request determines the dialect of its documents. */
  readonly type: Selector["type"]
  readonly value: string
  /** What the subscriber's token says about the subscriber. @default nothing */
  readonly payload?: unknown
}

/** Longest topic of a subscription event, in bytes: those of longer selectors are not told. */
const MAX_TOPIC_BYTES = 4_096

/** The subscriptions of a stream, each with the payload that the token has for it. */
export function subscriptionsOf(
  selectors: readonly Selector[],
  token: MercureToken | undefined,
  base: string,
): Subscription[] {
  return selectors.map(({ type, value }) => {
    const found = token?.grants.payloads.find(({ grants }) =>
      compileGrants(grants, base).some((grant) => grant.matches(value)),
    )
    return { type, value, ...(found && { payload: found.payload }) }
  })
}

export const dialectOfSubscription = ({ type }: Subscription): Dialect => (type === "topic" ? 0 : 1)

/** Percent-encodes a segment of a path: everything except unreserved characters (RFC 3986 section 2.3). */
const encodeSegment = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

/** The path of a subscription below that of the subscription API. */
export function pathOf(subscription: Subscription, subscriber: string, root: string): string {
  const { type, value } = subscription
  const segments = type === "topic" ? [value, subscriber] : [type, value, subscriber]
  return `${root}/${segments.map(encodeSegment).join("/")}`
}

/** A subscription as JSON, in its dialect. */
export function documentOf(
  subscription: Subscription,
  { subscriber, root, active }: { readonly subscriber: string; readonly root: string; readonly active: boolean },
): object {
  const { type, value, payload } = subscription
  const id = pathOf(subscription, subscriber, root)
  const rest = { subscriber, active, ...(payload !== undefined && { payload }) }
  return type === "topic"
    ? { id, type: "Subscription", topic: value, ...rest }
    : { id, type: "subscription", match_type: type, match: value, ...rest }
}

/** The private updates that tell of a connect or a disconnect: one for each subscription. */
export function announcements(
  subscriptions: readonly Subscription[],
  told: { readonly subscriber: string; readonly root: string; readonly active: boolean },
): Message[] {
  return subscriptions.flatMap((subscription): Message[] => {
    const topic = pathOf(subscription, told.subscriber, told.root)
    if (Buffer.byteLength(topic) > MAX_TOPIC_BYTES) return []
    const document = documentOf(subscription, told)
    return dialectOfSubscription(subscription) === 0
      ? [{ topic, private: true, data: { "@context": CONTEXT, ...document } }]
      : [{ topic, private: true, data: document, event: "mercure" }]
  })
}

/** The JSON-LD context of documents of Mercure 0.x. */
export const CONTEXT = "https://mercure.rocks/"
