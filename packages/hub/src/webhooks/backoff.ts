const FIRST_MS = 1_000
const MOST_MS = 3_600_000

/** How long to wait before the next attempt, in ms: twice as long after each failure, at most an hour, and jittered to between half and all of it. */
export function backoff(failures: number, random: number): number {
  const full = Math.min(FIRST_MS * 2 ** (failures - 1), MOST_MS)
  return full * (0.5 + random / 2)
}
