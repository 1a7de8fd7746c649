import type { IncomingMessage, ServerResponse } from "node:http"
import { isPattern, type Hub, type SubscribeOptions } from "onward"
import { authorize, openSession, type Auth, type Principal } from "./auth/index.ts"
import { callerOf } from "./caller.ts"
import { HttpError } from "./http-error.ts"
import { openStream } from "./open-stream.ts"
import { userIdOf } from "./user-id.ts"
import { SECURITY_HEADERS } from "./respond.ts"

/** A request for a stream. */
interface EventsRequest {
  readonly hub: Hub
  readonly auth: Auth | undefined
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly url: URL
  /** Undefined, like `auth`, if the hub has no authentication. */
  readonly principal: Principal | undefined
  /** The client's reconnect delay, in ms. */
  readonly retry: number
  /** Names the stream's API for operators. @default "events" */
  readonly label?: string
  /** Which private entries the stream receives. @default none */
  readonly may?: SubscribeOptions["may"]
}

/** Handles `GET /events?topic=…`: streams everything published on the topics, from the start point of the request. */
export function events({ hub, auth, req, res, url, principal, retry, label = "events", may }: EventsRequest): void {
  const { selectors, topics, patterns, includeTopic, follow } = queryOf(url)
  if (selectors.length === 0) {
    throw new HttpError(
      400,
      "no_topic",
      "The request names no topic. Use /events?topic=hello, with one or more topics.",
    )
  }
  if (principal) authorize({ principal, action: "subscribe", topics: selectors })
  const session = auth && principal && openSession(auth, principal, { topics: selectors, res })
  // the user id in the URL counts only without authentication
  const userId = principal ? principal.userId : userIdOf(url)
  const subscription = hub.subscribe({
    topics,
    patterns,
    label,
    ...(may && { may }),
    limitKey: callerOf(req),
    includeTopic,
    ...(userId !== undefined && { userId }),
    follow,
    ...(session && { signal: session.signal }),
  })
  const headers = session ? { ...SECURITY_HEADERS, ...session.headers } : SECURITY_HEADERS
  openStream(req, res, subscription, { retry, headers })
}

/** What a URL asks for. */
interface Query extends Required<Pick<SubscribeOptions, "topics" | "patterns" | "includeTopic" | "follow">> {
  readonly selectors: readonly string[]
}

/** Many requests have the same URL: see `targetOf`. */
const queries = new WeakMap<URL, Query>()

function queryOf(url: URL): Query {
  const known = queries.get(url)
  if (known) return known
  const { searchParams } = url
  const selectors = searchParams.getAll("topic")
  const query = {
    selectors,
    topics: selectors.filter((selector) => !isPattern(selector)),
    patterns: selectors.filter(isPattern),
    includeTopic: searchParams.get("topics") === "1",
    follow: searchParams.get("follow") !== "false",
  }
  queries.set(url, query)
  return query
}
