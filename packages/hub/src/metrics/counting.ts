import { OnwardError, type HubObservation } from "onward"
import { Grants, toGrant } from "../auth/grants.ts"
import type { RunEvent } from "onward/runs"
import type { Visit } from "../request-log.ts"
import { UsageError } from "../usage-error.ts"
import { createHistogram, createTally, type Family } from "./tallies.ts"

/** Counts what happens in this process, as plain numbers. */
export interface Counting {
  /** For `createHub({ observe })`. */
  observe(observation: HubObservation): void
  /** A request was refused with this code. */
  refuse(code: string): void
  /** A request that is not a stream was answered. */
  visit(visit: Visit): void
  /** An event of a run of the gateway, whose path below `/v1` is this. */
  run(path: string, event: RunEvent): void
  families(): Family[]
  /** What streams that have ended were sent, in bytes. */
  readonly sentBytes: number
  /** The APIs whose streams were opened: their gauges stay when no stream is open. */
  readonly apis: ReadonlySet<string>
  readonly subscribers: { readonly opened: number; readonly updates: number }
}

/** In seconds. Total limits of proxies (30, 60, 100 s) show as a step between the bounds around them. */
const LIFETIMES = [1, 5, 15, 29, 31, 59, 61, 99, 101, 300, 900, 3_600, 14_400, 86_400]
const LATENCIES = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const GENERATIONS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

const CLOSE_REASONS = new Set([
  ...["client", "ended", "max_age", "stalled", "drain", "disconnected", "aborted", "error"],
  ...["expired", "revoked"],
])
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "QUERY", "PATCH"])
/** Routes that are counted by name. The others are `gateway` and `other`. */
const ROUTES = new Set([
  ...["/events", "/publish", "/presence", "/presence/events", "/livez", "/readyz", "/healthz", "/"],
  ...["/.well-known/mercure", "/tickets", "/auth/renew", "/auth/revoke"],
])

/** Routes whose responses are streams, which have metrics of their own. */
const STREAMS = new Set(["/events", "/presence/events", "/.well-known/mercure"])

/** Why a connect or a request was refused, by the code of the error. */
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [/^(unauthenticated|topic_not_allowed|forbidden|missing_header)$/, "auth"],
  [/^(origin_not_allowed|host_not_allowed|cross_site)/, "origin"],
  [/^hub_(draining|closed)$/, "draining"],
  [/^too_many_messages$/, "rate"],
  [/^(too_many_|busy|body_too_large|message_too_large|head_too_large)/, "limit"],
  [/^log_/, "log"],
  [/timeout/, "timeout"],
]

const refusalOf = (code: string): string => REFUSALS.find(([pattern]) => pattern.test(code))?.[1] ?? "other"

/** Most patterns of `metrics.topics`: each is a series. */
const MAX_TOPICS = 100

/** @param topics patterns of topics whose messages are counted one by one. Throws `UsageError` for too many. */
export function createCounting(topics: readonly string[] = []): Counting {
  if (topics.length > MAX_TOPICS) {
    throw new UsageError(`metrics.topics has ${topics.length} patterns. Use at most ${MAX_TOPICS}.`)
  }
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
  const refused = createTally({
    name: "connects_refused_total",
    help: "Requests that were refused, by the reason: auth, origin, limit, rate, draining, log, timeout, other.",
    labels: ["reason"],
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
  const publishedBytes = createTally({ name: "published_bytes_total", help: "Data of stored messages, in bytes." })
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
  const requests = createTally({
    name: "http_requests_total",
    help: "Requests that were answered, without streams.",
    labels: ["route", "method", "status"],
  })
  const requesting = createHistogram(
    { name: "http_request_duration_seconds", help: "How long requests took, without streams.", labels: ["route"] },
    LATENCIES,
  )
  const runs = createTally({
    name: "runs_total",
    help: "Runs of the gateway that ended in this process, by their path and status.",
    labels: ["path", "status"],
  })
  const tokens = createTally({
    name: "runs_tokens_total",
    help: "Tokens of runs as their providers report them: input and output. Without a report, counted is frames.",
    labels: ["path", "type", "counted"],
  })
  const firstText = createHistogram(
    { name: "runs_first_text_seconds", help: "Time from the start of runs to their first text.", labels: ["path"] },
    GENERATIONS,
  )
  const runTime = createHistogram(
    { name: "runs_duration_seconds", help: "How long runs took.", labels: ["path"] },
    GENERATIONS,
  )
  const viewers = createTally({
    name: "runs_viewers_total",
    help: "Viewers that attached to runs, and viewers that resumed.",
    labels: ["path", "type"],
  })
  const byTopic = topics.map((pattern) => ({ pattern, grants: new Grants([toGrant(pattern)]) }))
  const topicPublishes = createTally({
    name: "topic_publishes_total",
    help: "Messages stored on topics that match a pattern of metrics.topics.",
    labels: ["pattern"],
  })
  for (const { pattern } of byTopic) topicPublishes.add([pattern], 0)
  const apis = new Set<string>()
  let sentBytes = 0
  let subscribers = 0
  let updates = 0

  function publish({
    messages,
    repeated,
    bytes,
    duration,
    error,
  }: Extract<HubObservation, { type: "published" }>): void {
    publishing.add([], duration / 1_000)
    if (error !== undefined) {
      const isRejected = error instanceof OnwardError && error.status < 500
      return publishes.add([isRejected ? "rejected" : "unavailable"], messages.length)
    }
    const stored = messages.length - repeated
    updates += stored
    if (stored > 0) publishes.add(["stored"], stored)
    if (repeated > 0) publishes.add(["repeated"], repeated)
    publishedBytes.add([], bytes)
    for (const { pattern, grants } of byTopic) {
      for (const { topic } of messages) if (grants.covers(topic)) topicPublishes.add([pattern])
    }
  }

  return {
    observe(seen) {
      switch (seen.type) {
        case "opened":
          subscribers++
          apis.add(seen.label ?? "other")
          opened.add([seen.label ?? "other"])
          break
        case "closed": {
          const label = seen.label ?? "other"
          closed.add([label, CLOSE_REASONS.has(seen.reason) ? seen.reason : "other"])
          lifetime.add([label], seen.lifetime / 1_000)
          sentBytes += seen.bytes
          if (seen.reason === "stalled") stalled.add([])
          break
        }
        case "resumed":
          resumed.add([seen.outcome])
          break
        case "fell_behind":
          behind.add([])
          break
        case "caught_up":
          caughtUp.add([], seen.duration / 1_000)
          break
        case "replayed":
          replayed.add([], seen.entries)
          delivered.add([], seen.entries)
          sources.add([seen.source])
          break
        case "published":
          publish(seen)
          break
        case "delivered":
          delivered.add([], seen.entries)
          lag.add([], seen.lag / 1_000, seen.entries)
          break
        case "log":
          operations.add([seen.operation, seen.error === undefined ? "ok" : "error"])
          operating.add([seen.operation], seen.duration / 1_000)
          break
        case "gap":
        case "refused": // what `resumed` and the app tell
      }
    },

    refuse: (code) => refused.add([refusalOf(code)]),

    visit({ method, target, status, duration }) {
      const path = target.replace(/[?#].*$/s, "")
      if (STREAMS.has(path) && status === 200 && method !== "POST") return
      const route = ROUTES.has(path) ? path : path.startsWith("/v1/") ? "gateway" : "other"
      requests.add([route, METHODS.has(method) ? method : "other", String(status)])
      // many of the gateway's are streams
      if (route !== "gateway") requesting.add([route], duration / 1_000)
    },

    run(path, event) {
      if (event.type === "attach" || event.type === "resume") viewers.add([path, event.type])
      if (event.type !== "end") return
      runs.add([path, event.status])
      const { metrics, usage } = event
      if (usage?.input !== undefined) tokens.add([path, "input", "usage"], usage.input)
      if (!metrics) return
      tokens.add([path, "output", metrics.counted], metrics.tokens)
      if (metrics.ttft !== undefined) firstText.add([path], metrics.ttft / 1_000)
      runTime.add([path], metrics.duration / 1_000)
    },

    families: () =>
      [
        ...[opened, closed, lifetime, stalled, refused, resumed, behind, caughtUp, replayed, sources],
        ...[publishes, publishing, publishedBytes, delivered, lag, operations, operating, requests, requesting],
        ...[runs, tokens, firstText, runTime, viewers],
        ...(topics.length > 0 ? [topicPublishes] : []),
      ].map((each) => each.family()),

    apis,

    get sentBytes() {
      return sentBytes
    },

    get subscribers() {
      return { opened: subscribers, updates }
    },
  }
}
