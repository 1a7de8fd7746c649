import { formatPosition, parsePosition } from "../log/index.ts"
import type { Entry, Position } from "../message.ts"
import type { Audience } from "./audience.ts"
import { logTopicsOf, topicsOf } from "./filing.ts"
import type { HubContext } from "./hub-context.ts"
import { KeptEntry } from "./kept-entry.ts"

/** Most entries of the log's end that are searched for topics that match patterns, and for entries with several topics. */
export const MAX_LOOK_BACK = 100_000
export const PAGE = 512
/** Questions to the log at once. */
const AT_ONCE = 8

/** The newest entry of each topic. */
type Newest = Map<string, Position>

/**
 * Finds the newest entry of each topic of an audience, and returns their positions in order: those in the window, and older ones in the log.
 * Topics that match patterns are found among the newest 100,000 entries. At most `limits.last` topics, those with the newest entries. The
 * result is not used once `isOver`.
 */
export async function findLatest(
  context: HubContext,
  audience: Audience,
  isOver: () => boolean,
): Promise<readonly Position[] | undefined> {
  const { lookBacks, limits, window } = context
  const newest = await inWindow(context, audience, isOver)
  const isComplete = !audience.hasPatterns && audience.topics.every((topic) => newest.has(topic))
  if (!isComplete && !isOver()) {
    const { start } = window
    const older = await lookBacks.find(
      `latest ${start} ${audience.key}`,
      (areOver) => inLog(context, audience, { start, newest, isOver: areOver }),
      isOver,
    )
    for (const [topic, position] of older ?? []) if (!newest.has(topic)) newest.set(topic, position)
  }
  if (isOver()) return undefined
  return [...new Set(newest.values())].sort().slice(-limits.last)
}

async function inWindow({ window, turns }: HubContext, audience: Audience, isOver: () => boolean): Promise<Newest> {
  const newest: Newest = new Map()
  for (const topic of audience.topics) {
    const position = window.newest(topic, audience)
    if (position !== undefined) newest.set(topic, position)
  }
  if (!audience.hasPatterns) return newest
  for (const { entry } of window.newestFirst()) {
    if (turns.isOver) await turns.next()
    if (isOver()) break
    note(newest, audience, entry, (topic) => !newest.has(topic))
  }
  return newest
}

/** Notes an entry for its topics that the audience asks for. */
function note(newest: Newest, audience: Audience, entry: Entry, isNewer: (topic: string) => boolean): void {
  const topics = topicsOf(entry).filter(isNewer)
  if (topics.length === 0 || !audience.wants(entry)) return
  for (const topic of topics) if (audience.concerns(topic)) newest.set(topic, entry.position)
}

interface Search {
  /** What lies after it was searched. */
  readonly start: Position
  readonly newest: ReadonlyMap<string, Position>
  readonly isOver: () => boolean
}

async function inLog(context: HubContext, audience: Audience, { start, newest, isOver }: Search): Promise<Newest> {
  const { log, tail, turns } = context
  const found: Newest = new Map()
  const { first } = await log.bounds()
  // the window has everything that is kept
  if (first >= start) return found
  const missing = audience.topics.filter((topic) => !newest.has(topic))
  for (let at = 0; at < missing.length && !isOver(); at += AT_ONCE) {
    const topics = missing.slice(at, at + AT_ONCE)
    const positions = await Promise.all(topics.map((topic) => newestInLog(context, audience, topic)))
    for (const [i, position] of positions.entries()) if (position) found.set(topics[i] as string, position)
  }
  if (!audience.hasPatterns && !tail.hasMany) return found
  let at = (await log.locate({ last: MAX_LOOK_BACK })) ?? first
  while (at < start && !isOver()) {
    const page = await log.read({ after: at, limit: PAGE })
    for (const entry of page.entries) {
      if (turns.isOver) await turns.next()
      if (entry.position <= start) note(found, audience, entry, (topic) => entry.position > (found.get(topic) ?? ""))
    }
    if (page.next === at) break
    at = page.next
  }
  return found
}

async function newestInLog({ log }: HubContext, audience: Audience, topic: string): Promise<Position | undefined> {
  const topics = logTopicsOf(topic, audience.may?.covers(topic) === true)
  const after = await log.locate({ last: 1, topics })
  if (after === undefined) return undefined
  return (await log.read({ after, topics, limit: 1 })).entries[0]?.position
}

/** The entries at these positions, without those that have been removed since. */
export async function readEntries(
  { log, window }: HubContext,
  positions: readonly Position[],
): Promise<readonly KeptEntry[]> {
  const all = await Promise.all(
    positions.map(async (position) => {
      const kept = window.at(position)
      if (kept) return kept
      const { epoch, sequence } = parsePosition(position) ?? { epoch: "", sequence: 1 }
      const [entry] = (await log.read({ after: formatPosition(epoch, sequence - 1), limit: 1 })).entries
      return entry?.position === position ? new KeptEntry(entry) : undefined
    }),
  )
  return all.filter((kept) => kept !== undefined)
}
