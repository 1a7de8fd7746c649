import type { Appended } from "../log.ts"

/**
 * Which messages of an append were repeats, in the order given: a stored message gets a position beyond all that were there,
 * a repeat that of the kept entry.
 */
export function repeatsOf({ positions, previous }: Appended): boolean[] {
  let newest = previous
  return positions.map((position) => {
    if (position <= newest) return true
    newest = position
    return false
  })
}
