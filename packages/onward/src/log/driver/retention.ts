import { byteLength } from "../../bytes.ts"
import { kindOf } from "../../kind.ts"
import { checkNames } from "../../options.ts"
import type { Retention } from "../log.ts"

/** The default retention of logs that keep their entries in memory: at most 100,000 entries and at most 64 MiB. */
export const DEFAULT_RETENTION: Retention = { count: 100_000, bytes: 64 * 1024 * 1024 }

const NAMES = ["count", "age", "bytes", "topic"]

/** Names for `checkNames` of a log: a limit passed beside `retention` gets the hint that it belongs inside. */
export const RETENTION_NAMES: readonly string[] = NAMES.map((name) => `retention.${name}`)

/** A {@link Retention} in which an absent limit is Infinity. */
export interface Limits {
  readonly count: number
  readonly bytes: number
  /** The smaller of the two maximum ages: an entry's age does not depend on its topic. */
  readonly age: number
  readonly topicCount: number
  readonly topicBytes: number
}

/** Validates a retention and returns its limits. Throws a `TypeError` for a limit that is not a number of 0 or more. */
export function limitsOf(retention: Retention): Limits {
  checkNames("retention", retention, NAMES)
  const { topic = {}, ...whole } = retention
  checkNames("retention.topic", topic, NAMES.slice(0, 3))
  const limit = (name: string, value: number | undefined): number => {
    if (value === undefined || value === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
    if (typeof value === "number" && value >= 0) return value
    throw new TypeError(
      `retention.${name} must be a number, 0 or more, not ${kindOf(value)}. Leave it out for no limit.`,
    )
  }
  return {
    count: limit("count", whole.count),
    bytes: limit("bytes", whole.bytes),
    age: Math.min(limit("age", whole.age), limit("topic.age", topic.age)),
    topicCount: limit("topic.count", topic.count),
    topicBytes: limit("topic.bytes", topic.bytes),
  }
}

/** The size of a message in the `bytes` limits. */
export function sizeOf(
  topic: string,
  data: string,
  event: string | null | undefined,
  id: string | null | undefined,
  key: string | null | undefined,
): number {
  let size = byteLength(topic) + byteLength(data)
  if (event != null) size += byteLength(event)
  if (id != null) size += byteLength(id)
  if (key != null) size += byteLength(key)
  return size
}
