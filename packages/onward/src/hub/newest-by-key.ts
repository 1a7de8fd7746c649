import type { Entry, Position } from "../message.ts"
import type { Audience } from "./audience.ts"
import { MAX_LOOK_BACK, PAGE } from "./latest.ts"
import type { HubContext } from "./hub-context.ts"

/** The key of an entry: a newer entry with the same key replaces it. Throws never; undefined for an entry that nothing replaces. */
export type KeyOf = (entry: Entry) => string | undefined

interface Question {
  readonly keyOf: KeyOf
  /** What the stream has. */
  readonly after: Position
  readonly isOver: () => boolean
}

/** Longest key, in characters: the keys that a search has seen are in memory. */
const MAX_KEY = 512

/**
 * Finds the newest entry of each key after a position, and returns their positions in order: at most `limits.last`, the newest, of the newest
 * 100,000 entries of the log. It calls `keyOf` once for each entry that the audience is missing.
 */
export async function findNewestByKey(
  context: HubContext,
  audience: Audience,
  { keyOf, after, isOver }: Question,
): Promise<readonly Position[] | undefined> {
  const { window, turns, limits, lookBacks } = context
  const { start } = window
  const newest = new Map<string, Position>()
  for (const { entry } of window.newestFirst()) {
    if (turns.isOver) await turns.next()
    if (isOver() || entry.position <= after || newest.size >= limits.last) break
    if (!isWanted(audience, entry)) continue
    const key = keyOf(entry) ?? entry.position
    if (!newest.has(key)) newest.set(key, entry.position)
  }
  if (after < start && newest.size < limits.last && !isOver()) {
    const older = await lookBacks.find(
      `newest ${idOf(keyOf)} ${after} ${start} ${audience.key}`,
      (areOver) => inLog(context, audience, { keyOf, after, start, isOver: areOver }),
      isOver,
    )
    for (const [key, position] of older ?? []) if (!newest.has(key)) newest.set(key, position)
  }
  return isOver() ? undefined : [...newest.values()].sort().slice(-limits.last)
}

/** The same for entries that the window has no more. */
async function inLog(
  { log, turns, limits }: HubContext,
  audience: Audience,
  { keyOf, after, start, isOver }: Question & { readonly start: Position },
): Promise<ReadonlyMap<string, Position>> {
  const newest = new Map<string, Position>()
  const { first } = await log.bounds()
  const earliest = (await log.locate({ last: MAX_LOOK_BACK })) ?? first
  let at = after > earliest ? after : earliest
  while (at < start && !isOver()) {
    const page = await log.read({ after: at, limit: PAGE })
    for (const entry of page.entries) {
      if (turns.isOver) await turns.next()
      if (entry.position > start || !isWanted(audience, entry)) continue
      const key = keyOf(entry) ?? entry.position
      // again at the end, so that the first key is the one that is longest without an entry
      newest.delete(key)
      newest.set(key, entry.position)
      if (newest.size > limits.last) newest.delete(newest.keys().next().value as string)
    }
    if (page.next === at) break
    at = page.next
  }
  return newest
}

const isWanted = (audience: Audience, entry: Entry): boolean =>
  audience.wants(entry) && audience.filter?.(entry) !== false

/** A key function that throws, or returns something else than a short text, is reported, and its entry is replaced by none. */
export function guardKey(keyOf: (entry: Entry) => string, onError: (error: unknown) => void): KeyOf {
  const guarded: KeyOf = (entry) => {
    try {
      const key: unknown = keyOf(entry)
      if (typeof key === "string" && key.length <= MAX_KEY) return key
      throw new TypeError(`subscribe: \`newestOnly\` must return a string of at most ${MAX_KEY} characters.`)
    } catch (error) {
      onError(error)
      return undefined
    }
  }
  ids.set(guarded, idOf(keyOf))
  return guarded
}

const ids = new WeakMap<object, number>()
let lastId = 0

/** Equal for the same function: streams that share it share their searches. */
function idOf(keyOf: (entry: Entry) => string | undefined): number {
  let id = ids.get(keyOf)
  if (id === undefined) ids.set(keyOf, (id = ++lastId))
  return id
}
