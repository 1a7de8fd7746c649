import { OnwardError } from "../errors.ts"
import { EARLIEST_ID, idFromHeader } from "../event-id.ts"
import type { StartPoint } from "../hub/index.ts"
import { queryOf, type StreamRequest } from "./request.ts"

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * The start point of a request: the `Last-Event-ID` header, else the query's `last_event_id` (or `lastEventId`), `since`, `latest` or `last`.
 * Undefined without one. Throws `OnwardError("invalid_start")`.
 */
export function startPointOf(request: StreamRequest, now: number): StartPoint | undefined {
  const header = request.header("last-event-id")
  if (header) return startAfter(idFromHeader(header))
  const query = queryOf(request)
  const id = query.get("last_event_id") ?? query.get("lastEventId")
  if (id) return startAfter(id)
  const since = query.get("since")
  if (since !== null) return { since: parseSince(since, now) }
  const latest = query.get("latest")
  if (latest === "" || latest === "1" || latest === "true") return "latest"
  if (latest !== null) throw new OnwardError("invalid_start", "`latest` takes no value. Send for instance latest=1.")
  const last = query.get("last")
  if (last === null) return undefined
  if (!/^\d{1,9}$/.test(last))
    throw new OnwardError("invalid_start", "`last` must be a whole number. Send for instance last=20.")
  return { last: Number(last) }
}

const startAfter = (id: string): StartPoint => (id === EARLIEST_ID ? "earliest" : { after: id })

/** A duration such as `10m` before now, milliseconds since 1970, or an ISO 8601 time. */
function parseSince(text: string, now: number): number {
  const [, amount, unit = ""] = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text) ?? []
  if (amount !== undefined) return now - Number(amount) * (UNITS[unit] as number)
  const time = /^\d{1,15}$/.test(text) ? Number(text) : /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time)) {
    throw new OnwardError(
      "invalid_start",
      "`since` must be a duration, an ISO 8601 time, or milliseconds since 1970. Send for instance since=10m.",
    )
  }
  return time
}
