import { byteLength } from "../bytes.ts"
import { OnwardError } from "../errors.ts"
import type { Limits } from "./limits.ts"

/** Where a stream begins in the log. */
export type StartPoint =
  /** With what is published from now on. */
  | "live"
  /** With the oldest entry kept. */
  | "earliest"
  /** After the entry or checkpoint with this SSE id: a position, or an id its publisher chose. */
  | { readonly after: string }
  /** With the oldest entry kept that is not older than this: a time in ms since 1970 or a `Date`. */
  | { readonly since: number | Date }
  /** With the newest `last` entries. */
  | { readonly last: number }

/** Checks a start point that may come from a client; throws `OnwardError("cursor_too_long" | "invalid_start")`. */
export function checkStart(start: StartPoint, limits: Limits): StartPoint {
  if (typeof start === "string") {
    if (start !== "live" && start !== "earliest")
      throw new TypeError(`a start is "live", "earliest" or an object, not "${String(start)}"`)
    return start
  }
  if ("after" in start) {
    if (start.after.length > limits.cursorBytes || byteLength(start.after) > limits.cursorBytes) {
      throw new OnwardError(
        "cursor_too_long",
        `the last event id is longer than ${limits.cursorBytes} bytes: it is none that was given out here`,
      )
    }
    return start
  }
  if ("since" in start) {
    const since = Number(start.since)
    if (!Number.isFinite(since))
      throw new OnwardError("invalid_start", "`since` must be a time, or a duration like 10m")
    return { since: Math.max(0, Math.floor(since)) }
  }
  if (!Number.isSafeInteger(start.last) || start.last < 0 || start.last > limits.last) {
    throw new OnwardError("invalid_start", `\`last\` must be a whole number from 0 to ${limits.last}`)
  }
  return start
}
