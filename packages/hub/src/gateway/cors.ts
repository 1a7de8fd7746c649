import type { IncomingMessage, ServerResponse } from "node:http"

/**
 * Lets pages of listed origins read an answer (Fetch, section 3.3), and answers what their browsers ask before. Credentials are headers that
 * the page sets itself; cookies are never asked for. Returns true when there is nothing left to answer.
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
      // any: clients of providers have many of their own, and a listed origin is trusted
      ...(asked !== undefined && { "access-control-allow-headers": asked }),
      "access-control-max-age": "600",
    })
    .end()
  return true
}
