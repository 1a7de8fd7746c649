import type { IncomingMessage, ServerResponse } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { isPattern, OnwardError, type PresenceState, type Presence } from "onward"
import { sse } from "onward/node"
import { authorize, openSession, type Auth, type Principal } from "./auth/index.ts"
import { callerOf } from "./caller.ts"
import { HttpError } from "./http-error.ts"
import { SECURITY_HEADERS, sendJson } from "./respond.ts"
import { READ, STREAM, type Route } from "./route.ts"

/** Minimum time between two events about a topic, in ms: many changes become one event. */
const EVERY_MS = 1_000
/** Maximum number of user ids in one response, and in one event. */
const MAX_USER_IDS = 1_000
/** The share of all presence streams that one caller can have. */
const SHARE = 0.1

export interface PresenceEndpoint {
  readonly routes: [path: string, route: Route][]
  /** Ends the presence streams. Clients reconnect. */
  close(): void
}

export interface PresenceOptions {
  /** Maximum number of open presence streams. */
  readonly maxStreams: number
  /** Maximum number of topics of one request. */
  readonly maxTopics: number
  /** The clients' reconnect delay, in ms. */
  readonly retry: number
  /** @default no authentication */
  readonly auth?: Auth | undefined
  /** Called with the response of each stream. @default not called */
  readonly onStream?: (res: ServerResponse) => void
  readonly onError: (error: unknown) => void
}

/** The presence of one topic, in all processes that share the log. */
interface TopicPresence extends PresenceState {
  readonly topic: string
  /** The number of user ids that are left out. */
  readonly more?: number
}

/** `GET /presence?topic=…` and `GET /presence/events?topic=…`. */
export function createPresence(
  presence: Presence,
  { maxStreams, maxTopics, retry, auth, onStream, onError }: PresenceOptions,
): PresenceEndpoint {
  const maxPerCaller = Math.ceil(maxStreams * SHARE)
  const closing = new AbortController()
  const open = new Map<string, number>()
  let streams = 0

  /** Counts a stream until it ends. Throws if there are too many. */
  function admit(req: IncomingMessage, res: ServerResponse): void {
    const caller = callerOf(req)
    const here = open.get(caller) ?? 0
    if (here >= maxPerCaller) {
      throw new OnwardError(
        "too_many_connections_for_key",
        `This address has ${maxPerCaller} streams of presence open, a tenth of --max-presence-streams. Close one.`,
      )
    }
    if (streams >= maxStreams) {
      throw new OnwardError(
        "too_many_connections",
        `The hub has ${maxStreams} streams of presence open (--max-presence-streams). Retry later.`,
      )
    }
    streams++
    open.set(caller, here + 1)
    res.once("close", () => {
      streams--
      const left = (open.get(caller) ?? 1) - 1
      if (left > 0) open.set(caller, left)
      else open.delete(caller)
    })
  }

  function answer(_: IncomingMessage, res: ServerResponse, url: URL, principal?: Principal): void {
    let room = MAX_USER_IDS
    const topics = topicsOf(url, maxTopics, principal).map((topic) => {
      const limited = limitUserIds(topic, presence.of(topic), room)
      room -= limited.userIds.length
      return limited
    })
    sendJson(res, 200, { topics })
  }

  function follow(req: IncomingMessage, res: ServerResponse, url: URL, principal?: Principal): void {
    const topics = topicsOf(url, maxTopics, principal)
    admit(req, res)
    onStream?.(res)
    const session = auth && principal && openSession(auth, principal, { topics, res })
    const ended = AbortSignal.any([closing.signal, ...(session ? [session.signal] : [])])
    sse(
      req,
      res,
      async function* ({ signal }) {
        for await (const data of changes(presence, topics, AbortSignal.any([signal, ended]))) {
          yield { event: "presence", data }
        }
      },
      // the stream has no end: when the hub closes, clients reconnect
      { end: false, retry, headers: { ...SECURITY_HEADERS, ...session?.headers }, onError },
    )
  }

  return {
    routes: [
      ["/presence", { methods: READ, answer }],
      ["/presence/events", { methods: STREAM, answer: follow }],
    ],
    close: () => closing.abort(),
  }
}

/** Returns the topics of a request. A caller can see the presence of topics that it can subscribe to. */
function topicsOf(url: URL, most: number, principal: Principal | undefined): string[] {
  const topics = [...new Set(url.searchParams.getAll("topic"))]
  if (topics.length === 0)
    throw new HttpError(400, "no_topic", `The request names no topic. Use ${url.pathname}?topic=hello.`)
  if (topics.length > most) {
    throw new HttpError(400, "too_many_topics", `The request names ${topics.length} topics. Use at most ${most}.`)
  }
  if (topics.some((topic) => topic === "" || isPattern(topic))) {
    throw new HttpError(
      400,
      "invalid_selector",
      "Presence does not accept patterns or empty topics. Use the names of topics.",
    )
  }
  if (principal) authorize({ principal, action: "subscribe", topics })
  return topics
}

function limitUserIds(topic: string, { streams, userIds }: PresenceState, room: number): TopicPresence {
  if (userIds.length <= room) return { topic, streams, userIds }
  return { topic, streams, userIds: userIds.slice(0, room), more: userIds.length - room }
}

/** Yields the presence of each topic, then of each topic that changes. Of frequent changes it yields the last one. */
async function* changes(
  presence: Presence,
  topics: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<TopicPresence> {
  // names only: a hub of many presence streams must not hold old lists of users for each
  const news = new Set<string>()
  let wake = (): void => {}
  const ended = Promise.all(
    topics.map(async (topic) => {
      for await (const _ of presence.updates(topic, signal)) {
        news.add(topic)
        wake()
      }
    }),
  )
  while (!signal.aborted) {
    const woken = new Promise<void>((resolve) => (wake = resolve))
    if (news.size === 0) await Promise.race([woken, ended])
    const changed = [...news]
    if (changed.length === 0) break
    news.clear()
    for (const topic of changed) yield limitUserIds(topic, presence.of(topic), MAX_USER_IDS)
    await sleep(EVERY_MS, undefined, { signal }).catch(() => {})
  }
  await ended
}
