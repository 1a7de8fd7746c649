import { formatPosition, inSameEpoch, parsePosition } from "../log/index.ts"
import type { Position } from "../message.ts"
import type { Audience } from "./audience.ts"
import type { HubContext } from "./hub-context.ts"
import type { StartPoint } from "./start-point.ts"

/** Where a stream starts in the log. */
export interface ResolvedStart {
  /** Read after this. */
  readonly position: Position
  /** The last event id that the client sent. */
  readonly given?: string
  /** The log does not know this id. */
  readonly isUnknown?: boolean
  /** The client has received the last entry of its stream, but not `stream.end`. */
  readonly isOver?: boolean
  /** For a start that depends on what the log keeps, not on what the client has received: the end of the log when it was requested. */
  readonly forgiven?: Position
}

type Landmark = Extract<StartPoint, { since: unknown } | { last: unknown }>

/** Maximum number of entries that are searched for the last ones that match a pattern. */
const MAX_LOOK_BACK = 100_000

/**
 * Finds where a stream starts. `asked` is the end of the log at the time of the request. Once `isOver`, the search stops and its result is
 * not used.
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
  // the log answers later than it was asked: what was published in between, in a new epoch too, is not history
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
  // an unknown or removed id: everything the log keeps can be new to this client
  return { position: (await log.bounds()).first, given, isUnknown: true }
}

/** An id of a topic outside the subscription gives the same answer as an unknown id. */
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

/** Finds the last entries that match patterns, which a log cannot search for: in the window, then in growing parts of the log's end. */
async function lookBack(
  { log, window, turns }: HubContext,
  audience: Audience,
  count: number,
  isOver: () => boolean,
): Promise<Position | undefined> {
  /** The position before each entry that matches, newest first. */
  const found: Position[] = []
  let looked = 0
  /** Everything after this was searched. */
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
