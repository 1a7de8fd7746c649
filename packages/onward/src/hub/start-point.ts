import { byteLength } from "../bytes.ts"
import { OnwardError } from "../errors.ts"
import { kindOf } from "../kind.ts"
import { nearest } from "../options.ts"
import type { Limits } from "./limits.ts"

/** Where a stream starts in the log. */
export type StartPoint =
  /** With what is published from now on. */
  | "live"
  /** With the oldest entry kept. */
  | "earliest"
  /**
   * With the newest entry of each topic, in the order of the log, and then live. Of topics that match patterns, those with an entry among the
   * newest 100,000; at most `limits.last` topics.
   */
  | "latest"
  /** After the entry or checkpoint with this SSE id: a position, or an id its publisher chose. */
  | { readonly after: string }
  /** With the oldest entry kept that is not older than this: a time in ms since 1970 or a `Date`. */
  | { readonly since: number | Date }
  /** With the newest `last` entries. */
  | { readonly last: number }

/** What follows `stream.gap` for a client whose last event id the log does not know: all kept entries, or only new ones. */
export type UnknownId = "replay" | "live"

const NAMED = ["live", "earliest", "latest"]
const KEYS = ["after", "since", "last"]

/** Throws a `TypeError` for a value that is not a start point. Only code can cause this, not a client. */
export function checkStartKind(start: unknown): asserts start is StartPoint {
  const given = typeof start === "object" && start !== null ? Object.keys(start) : []
  if (NAMED.includes(start as string) || (given.length === 1 && KEYS.includes(given[0] as string))) return
  const meant = nearest(typeof start === "string" ? start : (given[0] ?? ""), [...NAMED, ...KEYS])
  throw new TypeError(
    `A start is "live", "earliest", "latest", { after }, { since } or { last }, not ${given.length > 0 ? `{ ${given.join(", ")} }` : kindOf(start)}.` +
      (meant === undefined ? "" : ` Did you mean "${meant}"?`),
  )
}

/** Checks a start point that may come from a client; throws `OnwardError("cursor_too_long" | "invalid_start")`. */
export function checkStart(start: StartPoint, limits: Limits): StartPoint {
  if (typeof start === "string") return start
  if ("after" in start) {
    if (typeof start.after !== "string") {
      throw new OnwardError("invalid_start", `\`after\` must be an id, not ${kindOf(start.after)}.`)
    }
    if (start.after.length > limits.cursorBytes || byteLength(start.after) > limits.cursorBytes) {
      throw new OnwardError(
        "cursor_too_long",
        `Last-Event-ID is longer than ${limits.cursorBytes} bytes, so this hub did not issue it. Reconnect without it.`,
      )
    }
    return start
  }
  if ("since" in start) {
    const since = Number(start.since)
    if (!Number.isFinite(since))
      throw new OnwardError("invalid_start", "`since` must be a time, or a duration like 10m.")
    return { since: Math.max(0, Math.floor(since)) }
  }
  if (!Number.isSafeInteger(start.last) || start.last < 0 || start.last > limits.last) {
    throw new OnwardError(
      "invalid_start",
      `\`last\` must be a whole number from 0 to ${limits.last}, not ${kindOf(start.last)}.`,
    )
  }
  return start
}
