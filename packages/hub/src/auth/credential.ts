import type { IncomingMessage } from "node:http"
import { unauthenticated } from "./refusal.ts"

/** What a request proves its principal with, and how it came. */
export interface Credential {
  readonly from: "header" | "cookie" | "ticket"
  readonly value: string
}

/** Parameters in which other servers take tokens. They are never read: URLs are written to logs and histories. */
const IN_QUERY = ["access_token", "authorization", "token", "jwt"]

/**
 * Finds the credential of a request: the `Authorization` header, else a ticket, else the cookie. Throws `AuthRefusal` 401 for a header that is
 * there and cannot be read: it never falls back to another credential.
 */
export function credentialOf(
  req: IncomingMessage,
  url: URL,
  { cookie, acceptsTicket }: { readonly cookie: string | undefined; readonly acceptsTicket: boolean },
): Credential | undefined {
  const { authorization, cookie: cookies } = req.headers
  if (authorization !== undefined) {
    if (headersNamed(req, "authorization") > 1) throw unauthenticated("there are two Authorization headers")
    const [, value] = /^Bearer +([\w~+/.=-]+) *$/i.exec(authorization) ?? []
    if (value === undefined) throw unauthenticated("the Authorization header is not of the form `Bearer <token>`")
    return { from: "header", value }
  }
  const tickets = url.searchParams.getAll("ticket")
  if (acceptsTicket && tickets.length > 0) {
    if (tickets.length > 1) throw unauthenticated("there are two tickets")
    return { from: "ticket", value: tickets[0] as string }
  }
  const value = cookie === undefined ? undefined : cookieOf(cookies, cookie)
  return value === undefined ? undefined : { from: "cookie", value }
}

/** What to tell the operator about a request without a credential. */
export function explainMissing({ searchParams }: URL): string {
  const name = IN_QUERY.find((each) => searchParams.has(each))
  return name === undefined ? "no credential" : `no credential: a token in the query (${name}) is not read`
}

/** How often a request has a header. */
export function headersNamed({ rawHeaders }: IncomingMessage, name: string): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === name) count++
  return count
}

/** The value of a cookie; undefined without it. Two of the same name are refused: another site of the same domain may have set one of them. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  let found: string | undefined
  for (const pair of header?.split(";") ?? []) {
    const at = pair.indexOf("=")
    if (at < 0 || pair.slice(0, at).trim() !== name) continue
    if (found !== undefined) throw unauthenticated(`there are two cookies ${name}`)
    found = pair.slice(at + 1).trim()
  }
  return found
}
