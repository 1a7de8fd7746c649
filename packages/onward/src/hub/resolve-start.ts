import { formatPosition, inSameEpoch, parsePosition, type Log } from "../log/index.ts"
import type { Entry, Position } from "../message.ts"
import type { Audience } from "./audience.ts"
import { MANY } from "./filing.ts"
import type { HubContext } from "./hub-context.ts"
import type { StartPoint, UnknownId } from "./start-point.ts"

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

export interface ResolveOptions {
  readonly asked: Position
  readonly isOver: () => boolean
  readonly unknownId: UnknownId
}

/**
 * Finds where a stream starts. `asked` is the end of the log at the time of the request. Once `isOver`, the search stops and its result is
 * not used.
 */
export async function resolveStart(
  context: HubContext,
  audience: Audience,
  start: Exclude<StartPoint, "latest">,
  { asked, isOver, unknownId }: ResolveOptions,
): Promise<ResolvedStart> {
  if (start === "live") return { position: asked }
  if (typeof start === "object" && "after" in start) {
    const found = await findCursor(context, audience, start.after)
    return found.isUnknown && unknownId === "live" ? { ...found, position: asked } : found
  }
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
  const position = parsePosition(given) ? given : await findIdOnce(context, audience, given)
  if (position !== undefined) return { position, given, isOver: await isPastEnd(context, audience, position) }
  // an unknown or removed id: everything the log keeps can be new to this client
  return { position: (await log.bounds()).first, given, isUnknown: true }
}

/** Clients that reconnect together have the same last id. That it is unknown is not shared, because that changes. */
const findIdOnce = (context: HubContext, audience: Audience, id: string): Promise<Position | undefined> =>
  context.sharedAnswers.find(
    JSON.stringify([audience.key, id]),
    () => findId(context, audience, id),
    (position) => position?.length,
  )

/** The oldest entry with an id. An id of a topic outside the subscription gives the same answer as an unknown id. */
async function findId({ log, tail }: HubContext, audience: Audience, id: string): Promise<Position | undefined> {
  const single = await log.locate({
    id,
    topics: audience.logTopics(false),
    ...(audience.hasPatterns && { matches: (topic) => topic !== MANY && audience.concerns(topic) }),
  })
  if (!tail.hasMany) return single
  const many = await log.locate({ id, topics: [MANY] })
  const entry = many === undefined ? undefined : await entryAt(log, many, [MANY])
  const isOlder = many !== undefined && (single === undefined || many < single)
  return isOlder && entry && audience.wants(entry) ? many : single
}

/** The entry at a position, on one of `topics` of the log. */
async function entryAt(log: Log, position: Position, topics?: readonly string[]): Promise<Entry | undefined> {
  const { epoch, sequence } = parsePosition(position) ?? { epoch: "", sequence: 0 }
  if (sequence === 0) return undefined
  const { entries } = await log.read({
    after: formatPosition(epoch, sequence - 1),
    limit: 1,
    ...(topics && { topics }),
  })
  return entries[0]?.position === position ? entries[0] : undefined
}

async function isPastEnd({ log }: HubContext, audience: Audience, position: Position): Promise<boolean> {
  if (!audience.until) return false
  const entry = await entryAt(log, position)
  return entry !== undefined && audience.wants(entry) && audience.until(entry)
}

async function findLast(
  context: HubContext,
  audience: Audience,
  count: number,
  isOver: () => boolean,
): Promise<Position | undefined> {
  const { log, window, tail, lookBacks } = context
  if (count === 0) return tail.position
  const { key, hasPatterns } = audience
  const inWindow = hasPatterns ? undefined : window.beforeLast(count, audience)
  if (inWindow !== undefined) return inWindow
  return lookBacks.find(
    `${count} ${key}`,
    async (areOver) => {
      if (hasPatterns || tail.hasMany) return lookBack(context, audience, count, areOver)
      return (await log.locate({ last: count, topics: audience.logTopics(false) })) ?? tail.position
    },
    isOver,
  )
}

/** Finds the last entries where a log cannot search for them alone: in the window, then in growing parts of the log's end. */
async function lookBack(
  { log, tail, window, turns }: HubContext,
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
    if (audience.wants(entry)) found.push(before)
    reached = before
    looked++
    if (found.length === count) return before
  }
  const { first } = await log.bounds()
  const among = audience.hasPatterns ? {} : { topics: audience.logTopics(tail.hasMany) }
  for (let back = Math.max(count, looked) * 4; ; back *= 4) {
    const from = (await log.locate({ last: Math.min(back, MAX_LOOK_BACK), ...among })) ?? first
    const older: Position[] = []
    let before = from
    for (let at = from; at < reached;) {
      if (turns.isOver) await turns.next()
      if (isOver()) return undefined
      const page = await log.read({ after: at, limit: 512, ...among })
      for (const entry of page.entries) {
        if (entry.position > reached) break
        if (turns.isOver) await turns.next()
        if (audience.wants(entry)) older.push(before)
        before = entry.position
      }
      if (page.next === at) break
      at = page.next
    }
    found.push(...older.reverse())
    if (from < reached) reached = from
    if (found.length >= count || from <= first || back >= MAX_LOOK_BACK) return found[count - 1] ?? reached
  }
}
