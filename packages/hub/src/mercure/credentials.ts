import type { IncomingMessage } from "node:http"
import { AuthRefusal, cookieOf, headersNamed } from "../auth/index.ts"
import type { Dialect } from "./dialect.ts"

/** A token, and how it came. */
export interface Credential {
  readonly from: "header" | "query" | "cookie"
  readonly token: string
}

/** A credential that is there and cannot be read. */
export interface Malformed {
  readonly malformed: string
}

/** Where a token is looked for. */
interface Places {
  readonly cookie: string
  /** The parameter `authorization` of the query; undefined where it is not read. */
  readonly inQuery: string | undefined
}

/**
 * Finds the token of a request: in the `Authorization` header, else for Mercure 0.x in the query, else in the cookie. A header that is there and
 * cannot be read never falls back to another place.
 */
export function findToken(req: IncomingMessage, { cookie, inQuery }: Places): Credential | Malformed | undefined {
  const { authorization, cookie: cookies } = req.headers
  if (authorization !== undefined) {
    if (headersNamed(req, "authorization") > 1) return { malformed: "there are two Authorization headers" }
    const [, token] = /^Bearer +([\w~+/.=-]+) *$/i.exec(authorization) ?? []
    if (token === undefined) return { malformed: "the Authorization header is not of the form `Bearer <token>`" }
    return { from: "header", token }
  }
  if (inQuery) return { from: "query", token: inQuery }
  try {
    const token = cookieOf(cookies, cookie)
    return token === undefined ? undefined : { from: "cookie", token }
  } catch (error) {
    if (!(error instanceof AuthRefusal)) throw error
    return { malformed: error.reason }
  }
}

/** The dialect of a token by its header: only tokens of Mercure 1.0 have the type `at+jwt` (RFC 9068 section 2.1). */
export function dialectOfToken(token: string): Dialect {
  const [head = ""] = token.split(".", 1)
  try {
    const { typ } = JSON.parse(Buffer.from(head, "base64url").toString()) as { readonly typ?: unknown }
    return isAccessToken(typ) ? 1 : 0
  } catch {
    return 0
  }
}

/** Whether the `typ` of a token is that of an access token. */
export const isAccessToken = (typ: unknown): boolean =>
  typeof typ === "string" && /^(?:application\/)?at\+jwt$/i.test(typ)
