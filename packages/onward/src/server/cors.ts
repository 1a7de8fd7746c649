import { checkCors } from "./check-cors.ts"
import type { StreamRequest } from "./request.ts"

export interface CorsOptions {
  /**
   * Origins that may read the stream, exactly as browsers send them (`https://app.example`), or `*` for all. Their pages can also read
   * `Retry-After`, `Content-Location` and the names in `headers`.
   */
  readonly origins: readonly string[] | "*"
  /** Whether they may send cookies. Not together with `*`. @default false */
  readonly credentials?: boolean
}

/** Headers of Onward that pages of other origins can read only if they are exposed (Fetch, "CORS-safelisted response-header name"). */
const EXPOSED = ["retry-after", "content-location"]

/** Headers that are always readable, or never (Fetch, "forbidden response-header name"). */
const NOT_EXPOSED =
  /^(?:access-control-.*|cache-control|content-language|content-length|content-type|expires|last-modified|pragma|set-cookie2?|vary)$/

/**
 * The CORS headers of a response (Fetch, section 3.3). Only listed origins get them, and `*` is never combined with credentials. They let the
 * page read `Retry-After`, `Content-Location` and the headers in `names`.
 */
export function corsHeaders(
  request: StreamRequest,
  cors: CorsOptions,
  names: readonly string[] = [],
): Record<string, string> {
  checkCors(cors)
  const { origins, credentials = false } = cors
  const own = names.map((name) => name.toLowerCase()).filter((name) => !NOT_EXPOSED.test(name))
  const exposed = { "access-control-expose-headers": [...new Set([...EXPOSED, ...own])].join(", ") }
  if (origins === "*") return { "access-control-allow-origin": "*", ...exposed }
  const origin = request.header("origin")
  if (origin === undefined || origin === "null" || !origins.includes(origin)) return { vary: "Origin" }
  return {
    vary: "Origin",
    "access-control-allow-origin": origin,
    ...exposed,
    ...(credentials && { "access-control-allow-credentials": "true" }),
  }
}

/** More headers for the preflight of an allowed origin. */
export const preflightHeaders = (methods: readonly string[]): Record<string, string> => ({
  "access-control-allow-methods": methods.join(", "),
  "access-control-allow-headers": "authorization, content-type, last-event-id, cache-control",
  "access-control-max-age": "600",
})
