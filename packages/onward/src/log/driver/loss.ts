import type { Position } from "../../message.ts"
import type { Loss } from "../log.ts"
import { MAX_REMOVED_POSITIONS } from "./removed-positions.ts"
import { formatPosition, parsePosition } from "./position.ts"

/**
 * Returns the sequence number to read after, for a reader at position `after`. `first` and `last` are the bounds of the log.
 * With `lost` when the position belongs to another epoch or is newer than `last`.
 */
export function readFrom(after: Position, epoch: string, first: number, last: number): { from: number; lost?: Loss } {
  const parsed = parsePosition(after)
  if (parsed?.epoch !== epoch) return { from: first, lost: { reason: "epoch", to: formatPosition(epoch, first) } }
  if (parsed.sequence > last) return { from: last, lost: { reason: "unknown", to: formatPosition(epoch, last) } }
  return { from: parsed.sequence }
}

/**
 * Returns the loss of a reader at `from`, given the newest removed sequence number of each topic. Undefined when nothing after
 * `from` was removed. The name `*` stands for any topic, and replaces all names when there are too many.
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
