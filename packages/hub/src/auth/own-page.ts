import type { IncomingMessage } from "node:http"
import { READ } from "../route.ts"
import { AuthRefusal, shown } from "./refusal.ts"

/**
 * Refuses a request that another site made a browser send: a browser adds cookies to it by itself. Nothing that changes something is
 * accepted by a cookie unless `Origin`, or where it is absent `Sec-Fetch-Site`, says that a page of the hub, or of a listed origin, sent it.
 * @param origins origins of the hub as browsers know it, and those that the operator listed
 * @throws AuthRefusal 403
 */
export function checkOwnPage({ method = "", headers }: IncomingMessage, origins: ReadonlySet<string>): void {
  if (READ.includes(method)) return
  const { origin, "sec-fetch-site": site } = headers
  // HTTP/2 names the host in a field of its own (RFC 9113, section 8.3.1)
  const host = headers.host ?? (headers as Readonly<Record<string, string | undefined>>)[":authority"] ?? ""
  if (origin === undefined ? site === "same-origin" : origins.has(origin) || isOf(origin, host)) return
  const from = origin === undefined ? "no Origin" : `Origin ${shown(origin)}`
  throw new AuthRefusal(
    403,
    "cookie_not_allowed",
    "A cookie is not accepted from this page. Send the request from a page of the hub, or with an Authorization header.",
    {
      reason: `the cookie is not accepted from ${from}: add the origin to auth.cookie.origins`,
      outcome: "blocked_origin",
    },
  )
}

const isOf = (origin: string, host: string): boolean => URL.parse(origin)?.host === host.toLowerCase()
