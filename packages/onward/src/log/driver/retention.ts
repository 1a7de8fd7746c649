import { byteLength } from "../../bytes.ts"
import { kindOf } from "../../kind.ts"
import { checkNames } from "../../options.ts"
import type { Retention } from "../log.ts"

/** What logs keep when they are not told: 100,000 entries or 64 MiB, whichever is less. */
export const DEFAULT_RETENTION: Retention = { count: 100_000, bytes: 64 * 1024 * 1024 }

const NAMES = ["count", "age", "bytes", "topic"]

/** For `checkNames` of a log: a limit that stands beside `retention` belongs into it. */
export const RETENTION_NAMES: readonly string[] = NAMES.map((name) => `retention.${name}`)

/** A {@link Retention} made ready to compare with: absent is Infinity. */
export interface Limits {
  readonly count: number
  readonly bytes: number
  /** An entry's age does not depend on its topic, so the smaller of the two ages is the only one. */
  readonly age: number
  readonly topicCount: number
  readonly topicBytes: number
}

/** Reads a retention; throws a `TypeError` on a limit that is no number of things. */
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

/** What a message counts for in the `bytes` limits. */
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
