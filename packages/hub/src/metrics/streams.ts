import type { ServerResponse } from "node:http"
import type { HubObservation } from "onward"
import type { Grants } from "../auth/grants.ts"
import { LATENCIES, LIFETIMES } from "./bounds.ts"
import { createHistogram, createTally, type Family } from "./tallies.ts"

/** Counts the streams of this process. */
export interface StreamCounts {
  observe(observation: HubObservation): void
  /** Counts a stream that is not one of the hub's subscriptions, until its response closes. */
  watch(api: string, res: ServerResponse): void
  /** The APIs whose streams were opened: their gauges stay when no stream is open. */
  readonly apis: ReadonlySet<string>
  /** Open streams that `watch` counts, by API. */
  readonly watched: ReadonlyMap<string, number>
  /** Open streams on topics that presence counts. */
  readonly present: number
  readonly opened: number
  /** How streams started and why they ended. */
  resumed(): Map<string, number>
  closed(): Map<string, number>
  /** What streams that have ended were sent, in bytes. */
  readonly sentBytes: number
  families(): Family[]
}

const CLOSE_REASONS = new Set([
  ...["client", "ended", "max_age", "stalled", "drain", "disconnected", "aborted", "error"],
  ...["expired", "revoked"],
])

/** @param presence the topics that presence counts */
export function createStreamCounts(presence: Grants): StreamCounts {
  const api = ["api"]
  const opened = createTally({ name: "streams_opened_total", help: "Streams that were opened.", labels: api })
  const closed = createTally({
    name: "streams_closed_total",
    help: "Streams that ended, by the reason.",
    labels: ["api", "reason"],
  })
  const lifetime = createHistogram(
    { name: "stream_duration_seconds", help: "How long streams were open.", labels: api },
    LIFETIMES,
  )
  const stalled = createTally({
    name: "stalled_closed_total",
    help: "Streams that were closed because their client read nothing for stallTimeout.",
  })
  const resumed = createTally({
    name: "resumes_total",
    help: "How streams started: live, exact, earliest, history, or with a gap.",
    labels: ["outcome"],
  })
  const behind = createTally({ name: "streams_fell_behind_total", help: "How often live streams stopped being live." })
  const caughtUp = createHistogram(
    { name: "catch_up_duration_seconds", help: "How long streams took until they were live." },
    LATENCIES,
  )
  const apis = new Set<string>()
  const watched = new Map<string, number>()
  const present = new Set<string>()
  let sentBytes = 0

  function open(label: string): void {
    apis.add(label)
    opened.add([label])
  }

  function close(label: string, reason: string, ms: number): void {
    closed.add([label, CLOSE_REASONS.has(reason) ? reason : "other"])
    lifetime.add([label], ms / 1_000)
  }

  return {
    observe(seen) {
      switch (seen.type) {
        case "opened":
          open(seen.label ?? "other")
          if (presence.size > 0 && seen.topics.some((topic) => presence.covers(topic))) present.add(seen.id)
          break
        case "closed":
          close(seen.label ?? "other", seen.reason, seen.lifetime)
          if (presence.size > 0) present.delete(seen.id)
          sentBytes += seen.bytes
          if (seen.reason === "stalled") stalled.add([])
          break
        case "resumed":
          resumed.add([seen.outcome])
          break
        case "fell_behind":
          behind.add([])
          break
        case "caught_up":
          caughtUp.add([], seen.duration / 1_000)
          break
        default: // the others are not counted
      }
    },
    watch(label, res) {
      const openedAt = performance.now()
      open(label)
      watched.set(label, (watched.get(label) ?? 0) + 1)
      res.once("close", () => {
        watched.set(label, (watched.get(label) ?? 1) - 1)
        close(label, res.writableFinished ? "ended" : "client", performance.now() - openedAt)
      })
    },
    apis,
    watched,
    get present() {
      return present.size
    },
    get opened() {
      return opened.total
    },
    resumed: () => resumed.by("outcome"),
    closed: () => closed.by("reason"),
    get sentBytes() {
      return sentBytes
    },
    families: () => [opened, closed, lifetime, stalled, resumed, behind, caughtUp].map((each) => each.family()),
  }
}
