import type { Appended } from "../log.ts"

/**
 * Returns which messages of an append were repeats, in the given order. A stored message gets a position after all earlier ones;
 * a repeat gets the position of the kept entry.
 */
export function repeatsOf({ positions, previous }: Appended): boolean[] {
  let newest = previous
  return positions.map((position) => {
    if (position <= newest) return true
    newest = position
    return false
  })
}
