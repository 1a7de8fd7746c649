import { OnwardError, type HubObservation } from "onward"
import { Grants, toGrant } from "../auth/grants.ts"
import { LATENCIES } from "./bounds.ts"
import { createHistogram, createTally, type Family } from "./tallies.ts"

/** Counts messages, their delivery, and operations of the log. */
export interface MessageCounts {
  observe(observation: HubObservation): void
  /** Messages that were stored, and that were not. */
  readonly stored: number
  readonly failed: number
  /** Entries that were written to streams, each once for each stream. */
  readonly delivered: number
  families(): Family[]
}

/** @param topics patterns of topics whose messages are counted one by one */
export function createMessageCounts(topics: readonly string[]): MessageCounts {
  const replayed = createTally({
    name: "replayed_entries_total",
    help: "Entries that were sent to streams which were behind.",
  })
  const sources = createTally({
    name: "replay_source_total",
    help: "Reads for streams which were behind, from the window in memory or from the log.",
    labels: ["source"],
  })
  const publishes = createTally({
    name: "publishes_total",
    help: "Messages, by what happened to them: stored, repeated, rejected, unavailable.",
    labels: ["outcome"],
  })
  const publishing = createHistogram(
    { name: "publish_duration_seconds", help: "Time until the log had stored the messages of one request." },
    LATENCIES,
  )
  const bytes = createTally({ name: "published_bytes_total", help: "Data of stored messages, in bytes." })
  const delivered = createTally({
    name: "delivered_entries_total",
    help: "Entries that were sent to streams, counted once for each stream.",
  })
  const lag = createHistogram(
    {
      name: "delivery_lag_seconds",
      help: "Time from the storing of an entry to its write, of the oldest entry of each write.",
    },
    LATENCIES,
  )
  const operations = createTally({
    name: "log_operations_total",
    help: "Operations of the log, by whether they succeeded.",
    labels: ["operation", "outcome"],
  })
  const operating = createHistogram(
    { name: "log_operation_duration_seconds", help: "How long operations of the log took.", labels: ["operation"] },
    LATENCIES,
  )
  const byTopic = topics.map((pattern) => ({ pattern, grants: new Grants([toGrant(pattern)]) }))
  const topicPublishes = createTally({
    name: "topic_publishes_total",
    help: "Messages stored on topics that match a pattern of metrics.topics.",
    labels: ["pattern"],
  })
  for (const { pattern } of byTopic) topicPublishes.add([pattern], 0)

  function publish(seen: Extract<HubObservation, { type: "published" }>): void {
    const { messages, repeated, error } = seen
    publishing.add([], seen.duration / 1_000)
    if (error !== undefined) {
      const isRejected = error instanceof OnwardError && error.status < 500
      return publishes.add([isRejected ? "rejected" : "unavailable"], messages.length)
    }
    const stored = messages.length - repeated
    if (stored > 0) publishes.add(["stored"], stored)
    if (repeated > 0) publishes.add(["repeated"], repeated)
    bytes.add([], seen.bytes)
    for (const { pattern, grants } of byTopic) {
      for (const { topic } of messages) if (grants.covers(topic)) topicPublishes.add([pattern])
    }
  }

  const published = (outcome: string): number => publishes.by("outcome").get(outcome) ?? 0

  return {
    observe(seen) {
      switch (seen.type) {
        case "published":
          return publish(seen)
        case "replayed":
          replayed.add([], seen.entries)
          delivered.add([], seen.entries)
          return sources.add([seen.source])
        case "delivered":
          delivered.add([], seen.entries)
          return lag.add([], seen.lag / 1_000, seen.entries)
        case "log":
          operations.add([seen.operation, seen.error === undefined ? "ok" : "error"])
          return operating.add([seen.operation], seen.duration / 1_000)
        default: // the others are not counted
      }
    },
    get stored() {
      return published("stored")
    },
    get failed() {
      return published("rejected") + published("unavailable")
    },
    get delivered() {
      return delivered.total
    },
    families: () =>
      [
        ...[replayed, sources, publishes, publishing, bytes, delivered, lag, operations, operating],
        ...(topics.length > 0 ? [topicPublishes] : []),
      ].map((each) => each.family()),
  }
}
