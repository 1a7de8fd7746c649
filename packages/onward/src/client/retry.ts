export interface RetryOptions {
  /** Maximum random delay before the first retry, in ms. It doubles with each consecutive failure. @default 1_000 */
  readonly base?: number
  /** Limit up to which the maximum random delay doubles, in ms. @default 30_000 */
  readonly max?: number
  /** Maximum number of consecutive retries; then the stream fails. @default Infinity */
  readonly attempts?: number
}

/** The longest delay of a timer, in ms: Node fires a longer one at once. */
const MAX_TIMER = 2 ** 31 - 1

/**
 * Returns the delay before the next attempt, in ms: the delay the server asks for plus "full jitter", a random part of a limit that doubles
 * with each consecutive failure. Jitter prevents that clients which lost their connections together reconnect together.
 */
export function delayOf(
  { base = 1_000, max = 30_000 }: RetryOptions,
  failures: number,
  serverDelay: number,
  random: number,
): number {
  // 0 * Infinity is NaN
  return Math.min(MAX_TIMER, serverDelay + (random * Math.min(max, base * 2 ** failures) || 0))
}

/** Returns the delay of a `Retry-After` header in ms, 0 without one. Its value is seconds or a date (RFC 9110 section 10.2.3). */
export function retryAfterOf(value: string | null, now: number): number {
  // "0" parses as a date in the past
  return Math.max(0, Number(value) * 1_000 || Date.parse(value as string) - now || 0)
}
