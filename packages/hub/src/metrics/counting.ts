import type { HubObservation } from "onward"
import { Grants, toGrant } from "../auth/grants.ts"
import type { MercureObserver } from "../mercure/index.ts"
import { UsageError } from "../usage-error.ts"
import { createMessageCounts, type MessageCounts } from "./messages.ts"
import { createRequestCounts, type RequestCounts } from "./requests.ts"
import { createRunCounts, type RunCounts } from "./runs.ts"
import { createStreamCounts, type StreamCounts } from "./streams.ts"
import { createTally, type Family } from "./tallies.ts"

/** Counts what happens in this process, as plain numbers: for `GET /metrics` and for the dashboard. */
export interface Counting {
  /** For `createHub({ observe })`. */
  observe(observation: HubObservation): void
  readonly streams: Omit<StreamCounts, "observe" | "families">
  readonly messages: Omit<MessageCounts, "observe" | "families">
  readonly requests: Omit<RequestCounts, "families">
  readonly runs: Omit<RunCounts, "families">
  /** For the endpoint of Mercure. */
  readonly mercure: MercureObserver
  /** Open streams with subscriptions that Mercure's clients see. */
  readonly subscribers: number
  families(): Family[]
}

export interface CountingOptions {
  /** Patterns of topics whose messages are counted one by one. @default none */
  readonly topics?: readonly string[]
  /** Patterns of topics that presence counts. @default none */
  readonly presence?: readonly string[]
  /** Whether there is an endpoint of Mercure. @default false */
  readonly hasMercure?: boolean
}

/** Most patterns of `metrics.topics`: each is a series. */
const MAX_TOPICS = 100

/** Throws `UsageError` for too many topics. */
export function createCounting({ topics = [], presence = [], hasMercure = false }: CountingOptions = {}): Counting {
  if (topics.length > MAX_TOPICS) {
    throw new UsageError(`metrics.topics has ${topics.length} patterns. Use at most ${MAX_TOPICS}.`)
  }
  const streams = createStreamCounts(presence.length > 0 ? new Grants(presence.map(toGrant)) : Grants.none)
  const messages = createMessageCounts(topics)
  const requests = createRequestCounts()
  const runs = createRunCounts()
  const subscriptionEvents = createTally({
    name: "subscription_events_total",
    help: "Subscription events that were published for Mercure's clients: active for streams that opened, else inactive.",
    labels: ["event"],
  })
  let subscribers = 0
  return {
    observe(seen) {
      streams.observe(seen)
      messages.observe(seen)
    },
    streams,
    messages,
    requests,
    runs,
    mercure: {
      ...requests,
      onSubscriber(change) {
        subscribers += change
      },
      onSubscriptionEvents: (count, active) => subscriptionEvents.add([active ? "active" : "inactive"], count),
    },
    get subscribers() {
      return subscribers
    },
    families: () => [
      ...[streams, messages, requests, runs].flatMap((each) => each.families()),
      ...(hasMercure ? [subscriptionEvents.family()] : []),
    ],
  }
}
