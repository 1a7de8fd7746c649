import type { IncomingMessage } from "node:http"
import type { Auth } from "../auth/index.ts"
import { cookieOf } from "../auth/credential.ts"
import { HttpError } from "../http-error.ts"
import { isLoopback, type Address } from "../guard.ts"
import { READ } from "../route.ts"
import type { SessionStore } from "./session-store.ts"

/**
 * How callers of the admin API prove that they are operators:
 *
 * - `key`: with a key with `admin`, as a header or by a session of the dashboard;
 * - `open`: without proof, because the hub has no authentication and the admin port is for this machine only;
 * - `closed`: not at all, because other machines reach the port, or because no key has `admin`.
 */
export type AccessMode = "key" | "open" | "closed"

/** An operator. */
export interface Operator {
  /** What the hub's log calls it. */
  readonly name: string
  /** When its session ends, in ms since 1970; undefined without one. */
  readonly expiresAt?: number
}

export interface AccessOptions {
  /** @default the hub has no authentication */
  readonly auth: Auth | undefined
  readonly sessions: SessionStore
  /** The address of the admin port. */
  readonly address: () => Address
}

/** Tells operators from other callers of the admin port. */
export interface Access {
  readonly mode: AccessMode
  /** The name of the session's cookie. Two hubs on one machine have two names, because cookies do not tell ports apart. */
  readonly cookieName: string
  /** The id of the session in the request's cookie. */
  sessionIdOf(req: IncomingMessage): string | undefined
  /** The operator that sent the request; undefined without a valid credential. */
  find(req: IncomingMessage): Promise<Operator | undefined>
  /** The operator that sent the request. Rejects with `HttpError` 401, or 403 when no credential would help. */
  admit(req: IncomingMessage): Promise<Operator>
}

/** What pages of other origins cannot send without permission: a header that is not of a form (fetch.spec.whatwg.org, CORS-safelisted). */
const HEADER = "onward-admin"

export function createAccess({ auth, sessions, address }: AccessOptions): Access {
  const access: Access = {
    get mode() {
      if (auth) return auth.keys.hasAdmin ? "key" : "closed"
      return isLoopback(address().host) ? "open" : "closed"
    },

    get cookieName() {
      return `__Host-onward-admin-${address().port}`
    },

    sessionIdOf: (req) => cookieOf(req.headers.cookie, access.cookieName),

    async find(req) {
      const { mode } = access
      if (mode === "open") return { name: "an operator on this machine" }
      if (mode === "closed" || !auth) return undefined
      if (req.headers.authorization !== undefined) return ofHeader(req, auth)
      const id = access.sessionIdOf(req)
      const session = id === undefined ? undefined : await sessions.find(id)
      if (!session) return undefined
      const principal = auth.keys.findHash(Buffer.from(session.keyHash, "hex"))
      return principal?.isAdmin ? { name: principal.name, expiresAt: session.expiresAt } : undefined
    },

    async admit(req) {
      if (access.mode === "closed") throw closed()
      if (access.mode === "open" && isForwarded(req)) throw forwarded()
      const operator = await access.find(req)
      if (!operator) {
        throw new HttpError(
          401,
          "unauthenticated",
          "The admin API needs a key with admin. Send Authorization: Bearer <key>, or sign in at /admin/ui.",
          { "www-authenticate": "Bearer" },
        )
      }
      checkHeader(req)
      return operator
    },
  }
  return access
}

/** Refuses a change without the header that the dashboard sends. A request with a key needs none: no browser adds keys by itself. */
export function checkHeader({ method = "", headers }: IncomingMessage): void {
  if (READ.includes(method) || headers.authorization !== undefined || headers[HEADER] === "1") return
  throw new HttpError(403, "missing_header", `The request changes something. Send the header ${HEADER}: 1.`)
}

function ofHeader({ headers }: IncomingMessage, { keys }: Auth): Operator | undefined {
  const [, key] = /^Bearer +([\w~+/.=-]+) *$/i.exec(headers.authorization ?? "") ?? []
  const principal = key === undefined ? undefined : keys.find(key)
  return principal?.isAdmin ? { name: principal.name } : undefined
}

/** A proxy on this machine would open a port without sign-in to its clients. */
const isForwarded = ({ headers }: IncomingMessage): boolean =>
  ["x-forwarded-for", "forwarded", "via", "x-real-ip"].some((name) => headers[name] !== undefined)

const forwarded = (): HttpError =>
  new HttpError(
    403,
    "admin_closed",
    "A proxy forwarded the request, and this hub has no authentication. Configure auth.keys with a key with admin: true.",
  )

const closed = (): HttpError =>
  new HttpError(
    403,
    "admin_closed",
    "The admin API is closed, because no key has admin. Add a key with admin: true to auth.keys.",
  )
