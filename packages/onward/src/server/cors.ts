import type { StreamRequest } from "./request.ts"

export interface CorsOptions {
  /** Origins that may read the stream, exactly as browsers send them (`https://app.example`), or `*` for all. */
  readonly origins: readonly string[] | "*"
  /** Whether they may do so with cookies; not together with `*`. @default false */
  readonly credentials?: boolean
}

/** The CORS headers for a request (Fetch, section 3.3): only listed origins get any, and `*` never comes with credentials. */
export function corsHeaders(
  request: StreamRequest,
  { origins, credentials = false }: CorsOptions,
): Record<string, string> {
  if (origins === "*") {
    if (credentials) throw new TypeError('cors: `credentials` needs a list of origins, not "*"')
    return { "access-control-allow-origin": "*" }
  }
  const origin = request.header("origin")
  if (origin === undefined || origin === "null" || !origins.includes(origin)) return { vary: "Origin" }
  return {
    vary: "Origin",
    "access-control-allow-origin": origin,
    ...(credentials && { "access-control-allow-credentials": "true" }),
  }
}

/** What a preflight adds for an allowed origin. */
export const preflightHeaders = (methods: readonly string[]): Record<string, string> => ({
  "access-control-allow-methods": methods.join(", "),
  "access-control-allow-headers": "authorization, content-type, last-event-id, cache-control",
  "access-control-max-age": "600",
})
