export interface RetryOptions {
  /** Maximum random delay before the first retry, in ms. It doubles with each failure in a row. @default 1_000 */
  readonly base?: number
  /** Maximum that the delay grows to, in ms. @default 30_000 */
  readonly max?: number
  /** The number of failures in a row that ends the stream. @default Infinity */
  readonly attempts?: number
}

/** Timers hold no more, in ms: Node fires a longer one at once. */
const LONGEST = 2 ** 31 - 1

/**
 * How long to wait before the next attempt, in ms: what the server asks for, and on top "full jitter", a random part of a limit that doubles
 * with each failure in a row, so that clients that were cut together do not come back together.
 * @param least what the server asks for
 */
export function delayOf(
  { base = 1_000, max = 30_000 }: RetryOptions,
  failures: number,
  least: number,
  random: number,
): number {
  // 0 times infinity is no number
  return Math.min(LONGEST, least + (random * Math.min(max, base * 2 ** failures) || 0))
}

/** `Retry-After` in ms from now, 0 when there is none: seconds, or a date (RFC 9110 section 10.2.3). */
export function retryAfterOf(value: string | null, now: number): number {
  // as a date, "0" is in the past
  return Math.max(0, Number(value) * 1_000 || Date.parse(value as string) - now || 0)
}
