import type { IncomingMessage, ServerResponse } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { isPattern, OnwardError, type PresenceState, type Presence } from "onward"
import { sse } from "onward/node"
import { authorize, openSession, type Auth, type Principal } from "./auth/index.ts"
import { callerOf } from "./caller.ts"
import { HttpError } from "./http-error.ts"
import { SECURITY_HEADERS, sendJson } from "./respond.ts"
import { READ, STREAM, type Route } from "./route.ts"

/** A stream tells of a topic this often at most, in ms: a crowd that comes makes one event of it. */
const EVERY_MS = 1_000
/** Most people named in one answer, and in one event. */
const MAX_PEOPLE = 1_000
/** One caller may have this part of all streams of presence. */
const SHARE = 0.1

export interface PresenceEndpoint {
  readonly routes: [path: string, route: Route][]
  /** Ends its streams, for clients to come back. */
  close(): void
}

export interface PresenceOptions {
  /** Streams of presence open at once. */
  readonly maxStreams: number
  /** Topics of one answer. */
  readonly maxTopics: number
  /** How long its clients wait before they reconnect, in ms. */
  readonly retry: number
  /** @default no authentication */
  readonly auth?: Auth | undefined
  readonly onError: (error: unknown) => void
}

/** Who is on a topic, in all processes that share the log: now, and as it changes. */
interface Told extends PresenceState {
  readonly topic: string
  /** How many people there are besides those that are named. */
  readonly more?: number
}

/** `GET /presence?topic=…` and `GET /presence/events?topic=…`. */
export function createPresence(
  presence: Presence,
  { maxStreams, maxTopics, retry, auth, onError }: PresenceOptions,
): PresenceEndpoint {
  const maxPerCaller = Math.ceil(maxStreams * SHARE)
  const closing = new AbortController()
  const open = new Map<string, number>()
  let streams = 0

  /** Lets a stream in; gives its place back when it is over. */
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
    let room = MAX_PEOPLE
    const topics = topicsOf(url, maxTopics, principal).map((topic) => {
      const told = tell(topic, presence.of(topic), room)
      room -= told.userIds.length
      return told
    })
    sendJson(res, 200, { topics })
  }

  function follow(req: IncomingMessage, res: ServerResponse, url: URL, principal?: Principal): void {
    const topics = topicsOf(url, maxTopics, principal)
    admit(req, res)
    const session = auth && principal && openSession(auth, principal, { topics, res })
    const ended = AbortSignal.any([closing.signal, ...(session ? [session.signal] : [])])
    sse(
      req,
      res,
      async function* ({ signal }) {
        for await (const told of changes(presence, topics, AbortSignal.any([signal, ended]))) {
          yield { event: "presence", data: told }
        }
      },
      // there is always more to tell: when the hub leaves, readers come back
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

/** Presence of a topic is told to those that may subscribe to it. */
function topicsOf(url: URL, most: number, principal: Principal | undefined): string[] {
  const topics = [...new Set(url.searchParams.getAll("topic"))]
  if (topics.length === 0) throw new HttpError(400, "no_topic", `Say of what: ${url.pathname}?topic=hello.`)
  if (topics.length > most) {
    throw new HttpError(400, "too_many_topics", `Ask for ${most} topics at most, not for ${topics.length}.`)
  }
  if (topics.some((topic) => topic === "" || isPattern(topic))) {
    throw new HttpError(400, "invalid_selector", "Presence is of topics by their names, not of patterns.")
  }
  if (principal) authorize({ principal, action: "subscribe", topics })
  return topics
}

function tell(topic: string, { streams, userIds: people }: PresenceState, room: number): Told {
  if (people.length <= room) return { topic, streams, userIds: people }
  return { topic, streams, userIds: people.slice(0, room), more: people.length - room }
}

/** Who is on each topic now, then each that changed. What changes too often to be told is told as it is in the end. */
async function* changes(presence: Presence, topics: readonly string[], signal: AbortSignal): AsyncGenerator<Told> {
  const news = new Map<string, PresenceState>()
  let wake = (): void => {}
  const ended = Promise.all(
    topics.map(async (topic) => {
      for await (const now of presence.updates(topic, signal)) {
        news.set(topic, now)
        wake()
      }
    }),
  )
  while (!signal.aborted) {
    const woken = new Promise<void>((resolve) => (wake = resolve))
    if (news.size === 0) await Promise.race([woken, ended])
    const told = [...news]
    if (told.length === 0) break
    news.clear()
    for (const [topic, now] of told) yield tell(topic, now, MAX_PEOPLE)
    await sleep(EVERY_MS, undefined, { signal }).catch(() => {})
  }
  await ended
}
