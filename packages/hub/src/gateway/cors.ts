import type { IncomingMessage, ServerResponse } from "node:http"

/**
 * Allows pages of listed origins to read a response (Fetch, section 3.3), and answers preflight requests. Credentials are headers that the page
 * sets; cookies are not used. Returns true if it has sent the response.
 */
export function answerCors(
  { method, headers }: IncomingMessage,
  res: ServerResponse,
  origins: readonly string[],
): boolean {
  if (origins.length === 0) return false
  res.setHeader("vary", "Origin")
  const { origin } = headers
  if (origin === undefined || !origins.includes(origin)) return false
  res.setHeader("access-control-allow-origin", origin)
  res.setHeader("access-control-expose-headers", "*")
  if (method !== "OPTIONS" || headers["access-control-request-method"] === undefined) return false
  const asked = headers["access-control-request-headers"]
  res
    .writeHead(204, {
      "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
      // any, because clients of providers send many headers, and a listed origin is trusted
      ...(asked !== undefined && { "access-control-allow-headers": asked }),
      "access-control-max-age": "600",
    })
    .end()
  return true
}
