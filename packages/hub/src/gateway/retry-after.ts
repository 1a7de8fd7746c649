import type { IncomingHttpHeaders } from "node:http"

/**
 * When a provider that refused a request wants it again, in ms from `now`; 0 if it does not say, Infinity if never. `Retry-After` is in
 * seconds or a date (RFC 9110 section 10.2.3). `retry-after-ms` and `x-should-retry` are OpenAI's and Anthropic's, and their clients obey
 * them too.
 */
export function retryAfterOf(headers: IncomingHttpHeaders, now: number): number {
  if (headers["x-should-retry"] === "false") return Infinity
  const exact = Number(headers["retry-after-ms"])
  if (exact > 0) return exact
  const given = headers["retry-after"] ?? ""
  // as a date, "0" is in the past
  return Math.max(0, Number(given) * 1_000 || Date.parse(given) - now || 0)
}
