import type { IncomingMessage, ServerResponse } from "node:http"
import cluster from "node:cluster"
import type { Hub, StreamInfo, StreamsOptions } from "onward"
import { HttpError } from "../http-error.ts"
import { sendJson } from "../respond.ts"
import { READ, type Route } from "../route.ts"
import type { Peers } from "../worker-calls.ts"
import { invalid } from "./json-body.ts"

/** Streams in one response: by default, and at most. */
const LIMIT = { default: 100, most: 1_000 }
/** Most streams of one worker that are sorted and filtered; there can be more. */
const MAX_STREAMS = 10_000
/** Most pairs of a stream and a topic that are counted in one worker. */
const MAX_PAIRS = 100_000

type Sort = NonNullable<StreamsOptions["sort"]>

/** The larger comes first. */
const KEYS: Readonly<Record<Sort, (stream: StreamInfo) => number>> = {
  lag: ({ lag }) => lag,
  oldest: ({ openedAt }) => -openedAt,
  bytes: ({ bytes }) => bytes,
}

/** A stream of one of the workers. */
type WorkerStream = StreamInfo & { readonly worker: number }

interface Query {
  readonly sort: Sort
  /** In lower case. */
  readonly filter: string
  readonly limit: number
}

interface Selected {
  readonly streams: readonly WorkerStream[]
  readonly total: number
}

interface Named {
  /** 0 without workers. */
  readonly worker: number
  readonly id: string
}

/** What workers ask each other. */
const LIST = "streams"
const SHOW = "stream"
const CLOSE = "stream.close"
const TOPICS = "streams.topics"

export interface StreamRoutes {
  /** `GET /admin/streams?sort=&filter=&offset=&limit=`: the streams of all workers. */
  readonly list: Route
  /** `GET` and `DELETE /admin/streams/<id>`, with several workers `/admin/streams/<worker>/<id>`. `?end=true` tells the client not to reconnect. */
  readonly one: Route
  /** The number of streams that name each topic, in all workers. */
  byTopic(): Promise<ReadonlyMap<string, number>>
}

export const STREAM_PATH = /^\/admin\/streams\/(?:(\d{1,9})\/)?(\d{1,15})$/

export function streamRoutes(hub: Hub, peers: Peers): StreamRoutes {
  const worker = cluster.worker?.id ?? 0
  const isHere = (named: Named): boolean => named.worker === worker

  peers.answer(LIST, (query: Query) => select(hub, query, worker))
  peers.answer(SHOW, (named: Named) => (isHere(named) ? hub.stream(named.id) : undefined))
  peers.answer(CLOSE, ({ end, ...named }: Named & { end: boolean }) =>
    isHere(named) ? hub.disconnect(named.id, { end }) : undefined,
  )
  peers.answer(TOPICS, () => [...countTopics(hub)])

  async function list(res: ServerResponse, { searchParams }: URL): Promise<void> {
    const sort = (searchParams.get("sort") ?? "lag") as Sort
    if (!Object.hasOwn(KEYS, sort)) throw invalid("`sort` is not lag, oldest or bytes. Use one of them.")
    const limit = wholeNumber(searchParams, "limit", LIMIT.default, LIMIT.most)
    const offset = wholeNumber(searchParams, "offset", 0, MAX_STREAMS)
    const filter = (searchParams.get("filter") ?? "").toLowerCase()
    const all = await peers.askAll<Selected>(LIST, { sort, filter, limit: offset + limit } satisfies Query)
    const key = KEYS[sort]
    const streams = all.flatMap((each) => each.streams).sort((a, b) => key(b) - key(a))
    const total = all.reduce((sum, each) => sum + each.total, 0)
    sendJson(res, 200, { streams: streams.slice(offset, offset + limit), total })
  }

  async function one(req: IncomingMessage, res: ServerResponse, { pathname, searchParams }: URL): Promise<void> {
    const [, at = "0", id = ""] = STREAM_PATH.exec(pathname) ?? []
    const named: Named = { worker: Number(at), id }
    if (req.method === "DELETE") {
      const [isClosed] = await peers.askAll<boolean>(CLOSE, { ...named, end: searchParams.get("end") === "true" })
      if (!isClosed) throw unknown()
      return sendJson(res, 200, { closed: true })
    }
    const [stream] = await peers.askAll<StreamInfo>(SHOW, named)
    if (!stream) throw unknown()
    sendJson(res, 200, { worker: named.worker, ...stream })
  }

  return {
    list: { methods: READ, answer: (_, res, url) => list(res, url) },
    one: { methods: [...READ, "DELETE"], answer: one },
    async byTopic() {
      const sum = new Map<string, number>()
      for (const [topic, count] of (await peers.askAll<[string, number][]>(TOPICS)).flat()) {
        sum.set(topic, (sum.get(topic) ?? 0) + count)
      }
      return sum
    },
  }
}

const unknown = (): HttpError =>
  new HttpError(404, "no_such_stream", "There is no open stream with this id. It has ended, or never existed.")

function wholeNumber(parameters: URLSearchParams, name: string, fallback: number, most: number): number {
  const text = parameters.get(name)
  if (text === null) return fallback
  if (!/^\d{1,6}$/.test(text) || Number(text) > most) throw invalid(`\`${name}\` is not a number from 0 to ${most}.`)
  return Number(text)
}

/** The first streams of this process in an order, described only as far as they are needed. */
function select(hub: Hub, { sort, filter, limit }: Query, worker: number): Selected {
  const most = Math.min(MAX_STREAMS, limit)
  if (filter === "") {
    const streams = hub.streams({ sort, limit: most }).map((stream) => ({ worker, ...stream }))
    return { streams, total: Math.min(MAX_STREAMS, hub.stats().connections) }
  }
  const matching = hub.streams({ sort, limit: MAX_STREAMS }).filter((stream) => matches(stream, filter))
  return { streams: matching.slice(0, most).map((stream) => ({ worker, ...stream })), total: matching.length }
}

function matches({ id, userId, limitKey, label, state, topics, patterns }: StreamInfo, filter: string): boolean {
  const isIn = (text: string | undefined): boolean => text?.toLowerCase().includes(filter) === true
  return id === filter || [userId, limitKey, label, state].some(isIn) || topics.some(isIn) || patterns.some(isIn)
}

function countTopics(hub: Hub): Map<string, number> {
  const counts = new Map<string, number>()
  let pairs = 0
  for (const { topics } of hub.streams({ limit: MAX_STREAMS })) {
    for (const topic of topics) counts.set(topic, (counts.get(topic) ?? 0) + 1)
    pairs += topics.length
    if (pairs > MAX_PAIRS) break
  }
  return counts
}
