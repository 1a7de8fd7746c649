import type { IncomingMessage } from "node:http"

/**
 * Why a request that publishes by a cookie is refused; undefined if it is not. Browsers add cookies by themselves, so the page that sent the
 * request must be of the hub's own origin or of a listed one.
 * @param allowed origins: exact, with one `*` in them, or `*` for all
 * @param own the hub's origins
 */
export function foreignPage(
  { headers }: IncomingMessage,
  allowed: readonly string[],
  own: readonly string[],
): string | undefined {
  const { origin = originOf(headers.referer) } = headers
  if (origin === undefined) return "cookie blocked: neither Origin nor Referer"
  if (own.includes(origin) || allowed.some((pattern) => isAllowed(pattern, origin))) return undefined
  return `cookie blocked: Origin ${JSON.stringify(origin).slice(0, 200)} is not in mercure.publishOrigins`
}

function originOf(referer: string | undefined): string | undefined {
  const url = referer === undefined ? null : URL.parse(referer)
  return url && url.origin !== "null" ? url.origin : undefined
}

function isAllowed(pattern: string, origin: string): boolean {
  const star = pattern.indexOf("*")
  if (star < 0) return pattern === origin
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)]
  if (pattern === "*") return origin !== "null"
  return origin.length > before.length + after.length && origin.startsWith(before) && origin.endsWith(after)
}
