import { formatPosition, inSameEpoch, parsePosition } from "../log/index.ts"
import type { Position } from "../message.ts"
import type { Audience } from "./audience.ts"
import type { HubContext } from "./hub-context.ts"
import type { StartPoint } from "./start-point.ts"

/** Where a stream begins. */
export interface ResolvedStart {
  /** Read after this. */
  readonly position: Position
  /** The cursor as the client gave it. */
  readonly given?: string
  /** The given id means nothing here. */
  readonly isUnknown?: boolean
  /** The client has had the entry that its stream ends with, and was cut before it was told. */
  readonly isOver?: boolean
  /** For a place described by what the log keeps, not by what the client has seen: the end of the log when it was asked. */
  readonly forgiven?: Position
}

type Landmark = Extract<StartPoint, { since: unknown } | { last: unknown }>

/** Most entries looked at to find the last few that match a pattern. */
const MAX_LOOK_BACK = 100_000

/**
 * Asks the log where a stream begins; `asked` is the end of the log at the time of the request. Once `isOver`, it stops looking and finds
 * anything.
 */
export async function resolveStart(
  context: HubContext,
  audience: Audience,
  start: StartPoint,
  { asked, isOver }: { readonly asked: Position; readonly isOver: () => boolean },
): Promise<ResolvedStart> {
  if (start === "live") return { position: asked }
  if (typeof start === "object" && "after" in start) return findCursor(context, audience, start.after)
  const position = await findLandmark(context, audience, start, isOver)
  // the log answers later than it was asked: what came meanwhile, be it a new life of the log, is no history but news
  const isNews = position === undefined || !inSameEpoch(position, asked) || position > asked
  return { position: isNews ? asked : position, forgiven: asked }
}

async function findLandmark(
  context: HubContext,
  audience: Audience,
  start: "earliest" | Landmark,
  isOver: () => boolean,
): Promise<Position | undefined> {
  if (start === "earliest") return (await context.log.bounds()).first
  return "since" in start
    ? context.log.locate({ since: Number(start.since) })
    : findLast(context, audience, start.last, isOver)
}

async function findCursor(context: HubContext, audience: Audience, given: string): Promise<ResolvedStart> {
  const { log } = context
  const position = parsePosition(given) ? given : await log.locate({ id: given, ...whereOf(audience) })
  if (position !== undefined) return { position, given, isOver: await isPastEnd(context, audience, position) }
  // never seen, or no longer kept: then everything kept may be new to this client
  return { position: (await log.bounds()).first, given, isUnknown: true }
}

/** Another topic's id means nothing to a subscription, and its answer does not tell it from an id that was never given. */
const whereOf = (audience: Audience): { topics: readonly string[]; matches?: (topic: string) => boolean } => ({
  topics: audience.topics,
  ...(audience.hasPatterns && { matches: (topic) => audience.matches(topic) }),
})

async function isPastEnd({ log, window }: HubContext, audience: Audience, position: Position): Promise<boolean> {
  const { epoch, sequence } = parsePosition(position) ?? { epoch: "", sequence: 0 }
  if (!audience.until || sequence === 0) return false
  const before = formatPosition(epoch, sequence - 1)
  const { entries } = window.covers(before)
    ? { entries: window.read(before, audience, 1).entries.map((kept) => kept.entry) }
    : await log.read({ after: before, limit: 1 })
  const [entry] = entries
  return entry?.position === position && audience.matches(entry.topic) && audience.until(entry)
}

async function findLast(
  context: HubContext,
  audience: Audience,
  count: number,
  isOver: () => boolean,
): Promise<Position | undefined> {
  const { log, window, tail, lookBacks } = context
  if (count === 0) return tail.position
  const { key, topics, hasPatterns } = audience
  const inWindow = hasPatterns ? undefined : window.beforeLast(count, topics)
  if (inWindow !== undefined) return inWindow
  return lookBacks.find(
    `${count} ${key}`,
    async (areOver) => {
      if (hasPatterns) return lookBack(context, audience, count, areOver)
      return (await log.locate({ last: count, topics })) ?? tail.position
    },
    isOver,
  )
}

/** Finds the last entries that match patterns, which a log does not know: looks at the window, then at ever more of the log's end. */
async function lookBack(
  { log, window, turns }: HubContext,
  audience: Audience,
  count: number,
  isOver: () => boolean,
): Promise<Position | undefined> {
  /** The position before each entry that matches, newest first. */
  const found: Position[] = []
  let looked = 0
  /** Everything after this was looked at. */
  let reached = window.end
  for (const { entry, before } of window.newestFirst()) {
    if (turns.isOver) await turns.next()
    if (isOver()) return undefined
    if (audience.matches(entry.topic)) found.push(before)
    reached = before
    looked++
    if (found.length === count) return before
  }
  const { first } = await log.bounds()
  for (let back = Math.max(count, looked) * 4; ; back *= 4) {
    const from = (await log.locate({ last: Math.min(back, MAX_LOOK_BACK) })) ?? first
    const older: Position[] = []
    let before = from
    for (let at = from; at < reached;) {
      if (turns.isOver) await turns.next()
      if (isOver()) return undefined
      const page = await log.read({ after: at, limit: 512 })
      for (const { position, topic } of page.entries) {
        if (position > reached) break
        if (turns.isOver) await turns.next()
        if (audience.matches(topic)) older.push(before)
        before = position
      }
      if (page.next === at) break
      at = page.next
    }
    found.push(...older.reverse())
    if (from < reached) reached = from
    if (found.length >= count || from <= first || back >= MAX_LOOK_BACK) return found[count - 1] ?? reached
  }
}
