import type { Position } from "../../message.ts"
import { parsePosition } from "./position.ts"

/** How many entries a log forgets in one step, so that other calls get their turns. */
export const FORGET_STEP = 1_000

/** The sequence number up to which `Log.forget` removes; 0 for a position that means nothing in this epoch, or that is ahead of the log. */
export function sequenceUpTo(upTo: Position, epoch: string, last: number): number {
  const parsed = parsePosition(upTo)
  return parsed?.epoch === epoch && parsed.sequence <= last ? parsed.sequence : 0
}
