import type { AuthMethod, AuthObserver, AuthOutcome } from "../auth/index.ts"
import type { Visit } from "../request-log.ts"
import { LATENCIES } from "./bounds.ts"
import { createHistogram, createTally, type Family } from "./tallies.ts"

/** Counts requests, refusals and credentials. */
export interface RequestCounts extends AuthObserver {
  /** A request was refused with this code. */
  refuse(code: string): void
  /** The credential of a request was not accepted, or not enough. */
  refuseCredential(method: AuthMethod | undefined, outcome: AuthOutcome): void
  /** A request that is not a stream was answered. */
  visit(visit: Visit): void
  readonly refused: number
  /** Refusals by their code. */
  refusals(): Map<string, number>
  families(): Family[]
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "QUERY", "PATCH"])
/** Routes that are counted by name. The others are `gateway` and `other`. */
const ROUTES = new Set([
  ...["/events", "/publish", "/presence", "/presence/events", "/livez", "/readyz", "/healthz", "/"],
  ...["/.well-known/mercure", "/auth/tickets", "/auth/renew", "/auth/revoke", "/openapi.json"],
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

const reasonOf = (code: string): string => REFUSALS.find(([pattern]) => pattern.test(code))?.[1] ?? "other"

export function createRequestCounts(): RequestCounts {
  const refused = createTally({
    name: "connects_refused_total",
    help: "Requests that were refused, by the reason: auth, origin, limit, rate, draining, log, timeout, other.",
    labels: ["reason", "code"],
  })
  const credentials = createTally({
    name: "auth_total",
    help: "Credentials of requests, by their kind and whether they were accepted. no_grant: accepted, and does not allow the request.",
    labels: ["method", "outcome"],
  })
  const keySets = createTally({
    name: "jwks_fetches_total",
    help: "Readings of key sets of issuers, by whether they succeeded.",
    labels: ["outcome"],
  })
  const forward = createHistogram(
    { name: "forward_auth_duration_seconds", help: "How long forward auth took to answer.", labels: ["outcome"] },
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
  return {
    refuse: (code) => refused.add([reasonOf(code), code]),
    refuseCredential: (method = "none" as never, outcome) => credentials.add([method, outcome]),
    onAccepted: (method) => credentials.add([method, "ok"]),
    onJwksFetched: (isRead) => keySets.add([isRead ? "ok" : "error"]),
    onForwardAsked: (duration, outcome) => forward.add([outcome], duration / 1_000),
    visit({ method, target, status, duration }) {
      const end = target.search(/[?#]/)
      const path = end < 0 ? target : target.slice(0, end)
      if (STREAMS.has(path) && status === 200 && method !== "POST") return
      const route = ROUTES.has(path) ? path : path.startsWith("/v1/") ? "gateway" : "other"
      requests.add([route, METHODS.has(method) ? method : "other", String(status)])
      // many of the gateway's are streams
      if (route !== "gateway") requesting.add([route], duration / 1_000)
    },
    get refused() {
      return refused.total
    },
    refusals: () => refused.by("code"),
    families: () => [
      withoutCode(refused.by("reason"), refused.family()),
      ...[credentials, keySets, forward, requests, requesting].map((each) => each.family()),
    ],
  }
}

/** Codes are many, and for the dashboard. */
const withoutCode = (byReason: ReadonlyMap<string, number>, family: Family): Family => ({
  ...family,
  values: [...byReason].map(([reason, value]) => ({ labels: { reason }, value })),
})
