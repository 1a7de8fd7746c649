import { kindOf } from "../kind.ts"
import { checkNames } from "../options.ts"

/** Limits of a hub. A stream or message over a limit is refused with an `OnwardError`, before any byte is sent. Open streams are never evicted. */
export interface Limits {
  /** Maximum number of open streams in this process. 503 `too_many_connections`. @default 50_000 */
  readonly connections: number
  /** Maximum number of open streams with one `limitKey` (a user, an address). 429 `too_many_connections_for_key`. @default 100 */
  readonly connectionsPerKey: number
  /** Maximum number of topics and patterns of one subscription, together. 400 `too_many_topics`. @default 100 */
  readonly topics: number
  /**
   * Maximum number of different patterns and matchers that one topic can be compared with: those whose literal beginning fits the topic, such
   * as all patterns that start with `*`. There is no limit to patterns that begin differently, except `patternBytes`. 503
   * `too_many_patterns`. @default 1_000
   */
  readonly patterns: number
  /** Maximum memory of the different patterns and matchers in use in this process, in bytes, estimated. 503 `too_many_patterns`. @default 67_108_864 */
  readonly patternBytes: number
  /** Maximum number of different patterns and matchers in use with one `limitKey`. 429 `too_many_patterns_for_key`. @default 250 */
  readonly patternsPerKey: number
  /** Maximum number of open streams with a `filter` in this process: each runs for each entry of its topics. 503 `too_many_filters`. @default 1_000 */
  readonly filters: number
  /** Maximum length of a client's `Last-Event-ID`, in UTF-8 bytes. 400 `cursor_too_long`. @default 1_024 */
  readonly cursorBytes: number
  /** Maximum size of a published message: topic, event, id, idempotency key and data, in UTF-8 bytes. 413 `message_too_large`. @default 1_048_576 */
  readonly messageBytes: number
  /** Maximum number of entries that a client can request with `last`. 400 `invalid_start`. @default 10_000 */
  readonly last: number
}

export const defaultLimits: Limits = {
  connections: 50_000,
  connectionsPerKey: 100,
  topics: 100,
  patterns: 1_000,
  patternBytes: 67_108_864,
  patternsPerKey: 250,
  filters: 1_000,
  cursorBytes: 1_024,
  messageBytes: 1_048_576,
  last: 10_000,
}

/** Adds defaults. Throws `TypeError` for an invalid name or value. */
export function resolveLimits(given: Partial<Limits> = {}): Limits {
  checkNames("limits", given, Object.keys(defaultLimits))
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "number" && value >= 0) continue
    throw new TypeError(`limits.${name} must be a number, 0 or more, not ${kindOf(value)}.`)
  }
  return { ...defaultLimits, ...given }
}
