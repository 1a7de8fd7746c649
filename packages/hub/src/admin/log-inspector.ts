import type { ServerResponse } from "node:http"
import { setImmediate as nextTurn } from "node:timers/promises"
import type { Entry, Log } from "onward"
import { formatPosition, parsePosition, type Page } from "onward/log"
import type { Auth } from "../auth/index.ts"
import { HttpError } from "../http-error.ts"
import { sendJson } from "../respond.ts"
import { READ, type Route } from "../route.ts"
import { invalid } from "./json-body.ts"
import { readFilter, type LogFilter } from "./log-filter.ts"
import { privateTopics } from "./private-topics.ts"
import { showEntry } from "./shown-entry.ts"

/** Entries in one response: by default, and at most. */
const LIMIT = { default: 50, most: 200 }
/** Entries that one read of the log takes, and that one request looks at in the search for those that match. */
const PAGE = 200
const MAX_SCANNED = 10_000

export interface LogInspectorOptions {
  readonly log: Log
  readonly auth: Auth | undefined
}

/** Entries of one request. */
interface Found {
  readonly entries: readonly Entry[]
  /** Read after this to continue. */
  readonly next: string
  /** Whether the end of the log was reached. */
  readonly isEnd: boolean
  readonly lost?: Page["lost"] | undefined
}

/**
 * - `GET /admin/log`: entries from a start (`after` a position, `id`, `since` a time, or the `last` n), filtered.
 * - `GET /admin/log/entry?position=`: one entry with its whole payload, also if it is private.
 */
export function logRoutes({ log, auth }: LogInspectorOptions): [path: string, route: Route][] {
  async function list(res: ServerResponse, url: URL): Promise<void> {
    const isPrivate = privateTopics(auth)
    const filter = readFilter(url, isPrivate)
    const limit = numberIn(url, "limit", LIMIT.default, LIMIT.most)
    const { first, last } = await log.bounds()
    const start = await findStart(log, url, filter)
    const found =
      start === undefined ? await newest(log, filter, lastIn(url)) : await search(log, start, { filter, limit })
    const { entries, next, isEnd, lost } = found
    sendJson(res, 200, {
      entries: entries.map((entry) => showEntry(entry, { isPrivate })),
      next,
      isEnd,
      ...(lost && { lost: { reason: lost.reason, to: lost.to } }),
      first,
      last,
    })
  }

  async function one(res: ServerResponse, url: URL): Promise<void> {
    const { epoch, sequence } = positionIn(url, "position")
    const after = formatPosition(epoch, Math.max(0, sequence - 1))
    const { entries } = await log.read({ after, limit: 1 })
    const [entry] = entries
    if (entry?.position !== formatPosition(epoch, sequence)) {
      throw new HttpError(404, "no_entry", "The log keeps no entry at this position. It was trimmed, or never existed.")
    }
    sendJson(res, 200, showEntry(entry, { isPrivate: privateTopics(auth), isWhole: true }))
  }

  return [
    ["/admin/log", { methods: READ, answer: (_, res, url) => list(res, url) }],
    ["/admin/log/entry", { methods: READ, answer: (_, res, url) => one(res, url) }],
  ]
}

/** The position after which to read; undefined for the newest entries. */
async function findStart(log: Log, url: URL, { topics }: LogFilter): Promise<string | undefined> {
  const { searchParams } = url
  const starts = ["after", "id", "since", "last"].filter((name) => searchParams.has(name))
  if (starts.length > 1) throw invalid(`The request has ${starts.join(" and ")}. Give one start.`)
  if (searchParams.has("after")) {
    if (searchParams.get("after") === "earliest") return (await log.bounds()).first
    const { epoch, sequence } = positionIn(url, "after")
    return formatPosition(epoch, sequence)
  }
  if (searchParams.has("since")) return log.locate({ since: timeIn(url) })
  const id = searchParams.get("id")
  if (id === null) return undefined
  const position = parsePosition(id) ? id : await log.locate({ id, ...topics })
  if (position === undefined) throw new HttpError(404, "no_entry", "The log keeps no entry with this id.")
  const { epoch, sequence } = parsePosition(position) ?? { epoch: "", sequence: 0 }
  // the entry itself is the first one
  return formatPosition(epoch, Math.max(0, sequence - 1))
}

/** Searches from a position for entries that match, within a limit of entries looked at. */
async function search(
  log: Log,
  start: string,
  { filter, limit }: { readonly filter: LogFilter; readonly limit: number },
): Promise<Found> {
  const entries: Entry[] = []
  let next = start
  let lost: Page["lost"]
  for (let scanned = 0; scanned < MAX_SCANNED;) {
    const page = await log.read({ after: next, limit: PAGE, ...filter.topics })
    lost ??= page.lost
    scanned += Math.max(1, page.entries.length)
    for (const entry of page.entries) {
      if (filter.matches(entry)) entries.push(entry)
      if (entries.length === limit) return { entries, next: entry.position, isEnd: false, lost }
    }
    if (page.next === next) return { entries, next, isEnd: true, lost }
    next = page.next
    await nextTurn()
  }
  return { entries, next, isEnd: false, lost }
}

/** The newest entries that match, among the newest of the log that one request looks at. */
async function newest(log: Log, filter: LogFilter, count: number): Promise<Found> {
  const looked = filter.isByTopicOnly ? count : MAX_SCANNED
  const start = (await log.locate({ last: looked, ...filter.topics })) ?? (await log.bounds()).first
  const entries: Entry[] = []
  let next = start
  for (let scanned = 0; scanned <= looked + PAGE;) {
    const page = await log.read({ after: next, limit: PAGE, ...filter.topics })
    scanned += Math.max(1, page.entries.length)
    entries.push(...page.entries.filter((entry) => filter.matches(entry)))
    if (entries.length > count) entries.splice(0, entries.length - count)
    if (page.next === next) return { entries, next, isEnd: true }
    next = page.next
    await nextTurn()
  }
  return { entries, next, isEnd: false }
}

const lastIn = (url: URL): number => numberIn(url, "last", LIMIT.default, LIMIT.most)

function numberIn({ searchParams }: URL, name: string, fallback: number, most: number): number {
  const text = searchParams.get(name)
  if (text === null) return fallback
  if (!/^\d{1,6}$/.test(text) || Number(text) < 1 || Number(text) > most) {
    throw invalid(`\`${name}\` is not a number from 1 to ${most}.`)
  }
  return Number(text)
}

function positionIn({ searchParams }: URL, name: string): { readonly epoch: string; readonly sequence: number } {
  const position = parsePosition(searchParams.get(name) ?? "")
  if (!position) throw invalid(`\`${name}\` is not a position of a log. Copy one from an entry.`)
  return position
}

/** A time: ms since 1970, or ISO 8601. */
function timeIn({ searchParams }: URL): number {
  const text = searchParams.get("since") ?? ""
  const time = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(time)) throw invalid("`since` is not a time. Use ISO 8601, or milliseconds since 1970.")
  return time
}
