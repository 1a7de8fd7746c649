import type { ServerResponse } from "node:http"
import type { Hub, Log, PresenceState } from "onward"
import { isPattern } from "onward"
import type { Auth } from "../auth/index.ts"
import { Grants, toGrant } from "../auth/grants.ts"
import { sendJson } from "../respond.ts"
import { READ, type Route } from "../route.ts"
import { invalid } from "./json-body.ts"
import { privateTopics } from "./private-topics.ts"
import { createTopicIndex, type TopicCount } from "./topic-index.ts"

/** Topics in one response: by default, and at most. */
const LIMIT = { default: 200, most: 1_000 }
/** Most entries that are counted for one topic, and most user ids that are listed. */
const MAX_COUNTED = 100_000
const MAX_USER_IDS = 1_000
const PAGE = 500

/** By what topics can be sorted; the largest first, names from A to Z. */
const SORTS: Readonly<Record<string, (a: ShownTopic, b: ShownTopic) => number>> = {
  name: (a, b) => (a.topic < b.topic ? -1 : 1),
  rate: (a, b) => b.rate - a.rate,
  streams: (a, b) => b.streams - a.streams,
  entries: (a, b) => b.entries - a.entries,
  bytes: (a, b) => b.bytes - a.bytes,
  newest: (a, b) => b.newestAt - a.newestAt,
}

interface ShownTopic extends TopicCount {
  /** Streams of all workers that name the topic. */
  readonly streams: number
  readonly isPrivate: boolean
}

export interface TopicRoutesOptions {
  readonly hub: Hub
  readonly log: Log
  readonly auth: Auth | undefined
  /** The patterns of topics whose presence is counted. */
  readonly presence: readonly string[]
  /** The number of streams that name each topic, in all workers. */
  readonly streamsByTopic: () => Promise<ReadonlyMap<string, number>>
}

/**
 * - `GET /admin/topics?prefix=&sort=&limit=`: topics that have entries or streams.
 * - `GET /admin/topics/one?topic=`: one topic with the exact number of its kept entries, and its presence.
 */
export function topicRoutes(options: TopicRoutesOptions): [path: string, route: Route][] {
  const { log, auth } = options
  const index = createTopicIndex({ log })

  async function list(res: ServerResponse, { searchParams }: URL): Promise<void> {
    const prefix = searchParams.get("prefix") ?? ""
    const sort = SORTS[searchParams.get("sort") ?? "rate"]
    const limit = Number(searchParams.get("limit") ?? LIMIT.default)
    if (!sort) throw invalid(`\`sort\` is not one of ${Object.keys(SORTS).join(", ")}. Use one of them.`)
    if (!(limit >= 1 && limit <= LIMIT.most)) throw invalid(`\`limit\` is not a number from 1 to ${LIMIT.most}.`)
    const isPrivate = privateTopics(auth)
    const [{ topics, counted, isAll }, streams] = await Promise.all([index.count(), options.streamsByTopic()])
    const named = new Set(topics.map(({ topic }) => topic))
    const silent = [...streams.keys()].filter((topic) => !named.has(topic)).map(withoutEntries)
    const all = [...topics, ...silent]
      .filter(({ topic }) => topic.startsWith(prefix))
      .map((topic) => ({ ...topic, streams: streams.get(topic.topic) ?? 0, isPrivate: isPrivate(topic) }))
    all.sort((a, b) => sort(a, b) || (a.topic < b.topic ? -1 : 1))
    sendJson(res, 200, { topics: all.slice(0, limit), total: all.length, counted, isAll })
  }

  async function one(res: ServerResponse, { searchParams }: URL): Promise<void> {
    const topic = searchParams.get("topic") ?? ""
    if (topic === "" || isPattern(topic))
      throw invalid("`topic` is not the name of a topic. Patterns have no presence.")
    const streams = await options.streamsByTopic()
    sendJson(res, 200, {
      topic,
      isPrivate: privateTopics(auth)({ topic }),
      streams: streams.get(topic) ?? 0,
      kept: await countKept(log, topic),
      presence: presenceOf(options, topic),
    })
  }

  return [
    ["/admin/topics", { methods: READ, answer: (_, res, url) => list(res, url) }],
    ["/admin/topics/one", { methods: READ, answer: (_, res, url) => one(res, url) }],
  ]
}

const withoutEntries = (topic: string): TopicCount => ({
  topic,
  entries: 0,
  bytes: 0,
  newestId: "",
  newestAt: 0,
  rate: 0,
})

/** Counts the kept entries of a topic, up to a limit. */
async function countKept(log: Log, topic: string): Promise<{ readonly entries: number; readonly isAll: boolean }> {
  let after = (await log.locate({ last: MAX_COUNTED, topics: [topic] })) ?? (await log.bounds()).first
  let entries = 0
  for (;;) {
    const page = await log.read({ after, topics: [topic], limit: PAGE })
    entries += page.entries.length
    if (page.next === after || entries >= MAX_COUNTED) return { entries, isAll: entries < MAX_COUNTED }
    after = page.next
  }
}

/** Null where presence does not count the topic. */
function presenceOf({ hub, presence }: TopicRoutesOptions, topic: string): object | null {
  if (!new Grants(presence.map(toGrant)).covers(topic)) return null
  const { streams, userIds }: PresenceState = hub.presence.of(topic)
  return { streams, userIds: userIds.slice(0, MAX_USER_IDS), more: Math.max(0, userIds.length - MAX_USER_IDS) }
}
