import type { Position } from "../../message.ts"
import type { Loss } from "../log.ts"
import { MAX_REMOVED_POSITIONS } from "./removed-positions.ts"
import { formatPosition, parsePosition } from "./position.ts"

/**
 * What a reader's position means to a log of this epoch, whose entries lie after `first` and up to `last`: the sequence
 * number to read after, and the loss when the position means nothing here.
 */
export function readFrom(after: Position, epoch: string, first: number, last: number): { from: number; lost?: Loss } {
  const parsed = parsePosition(after)
  if (parsed?.epoch !== epoch) return { from: first, lost: { reason: "epoch", to: formatPosition(epoch, first) } }
  if (parsed.sequence > last) return { from: last, lost: { reason: "unknown", to: formatPosition(epoch, last) } }
  return { from: parsed.sequence }
}

/**
 * The loss of a reader at `from`, given how far topics were removed; undefined when none was removed beyond it. The name
 * `*` stands for any topic, and for all of them when there are too many to name.
 */
export function lossOf(
  epoch: string,
  from: number,
  removed: Iterable<readonly [topic: string, to: number]>,
): Loss | undefined {
  let newest = from
  let topics = new Map<string, number>()
  for (const [topic, to] of removed) {
    if (to <= from) continue
    topics.set(topic, Math.max(to, topics.get(topic) ?? 0))
    newest = Math.max(newest, to)
  }
  if (newest === from) return undefined
  if (topics.size > MAX_REMOVED_POSITIONS) topics = new Map([["*", newest]])
  const positions = [...topics].map(([topic, to]) => [topic, formatPosition(epoch, to)] as const)
  return { reason: "trimmed", to: formatPosition(epoch, newest), topics: new Map(positions) }
}
