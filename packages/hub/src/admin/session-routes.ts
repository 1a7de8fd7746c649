import type { IncomingMessage, ServerResponse } from "node:http"
import type { Auth } from "../auth/index.ts"
import { hashKey } from "../auth/index.ts"
import type { Bodies } from "../body.ts"
import { callerOf } from "../caller.ts"
import { HttpError } from "../http-error.ts"
import { sendJson } from "../respond.ts"
import type { Route } from "../route.ts"
import { checkHeader, type Access } from "./access.ts"
import { invalid, readObject } from "./json-body.ts"
import { SESSION_MS, type SessionStore } from "./session-store.ts"

export interface SessionRoutesOptions {
  readonly auth: Auth | undefined
  readonly access: Access
  readonly sessions: SessionStore
  readonly bodies: Bodies
  /** Called with a line for the log: an operator signed in, or an attempt failed. */
  readonly onSignIn: (line: string) => void
}

/** Attributes of the session's cookie. Browsers accept `Secure` on HTTPS and, over plain HTTP, on the loopback addresses only. */
const ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict"

/**
 * `/admin/session`: GET tells whether the browser is signed in, POST signs in by `{ "key": … }`, DELETE signs out.
 * All of them are open, because the sign-in needs them.
 */
export function sessionRoute({ auth, access, sessions, bodies, onSignIn }: SessionRoutesOptions): Route {
  async function show(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { mode } = access
    const operator = await access.find(req)
    const isSignedIn = operator !== undefined
    sendJson(res, 200, { mode, isSignedIn, ...operator })
  }

  async function signIn(req: IncomingMessage, res: ServerResponse): Promise<void> {
    checkHeader(req)
    const caller = callerOf(req)
    if (!auth || access.mode !== "key") {
      throw new HttpError(403, "admin_closed", "No key has admin. Add a key with admin: true to auth.keys.")
    }
    const wait = await sessions.attempt(caller)
    if (wait > 0) {
      throw new HttpError(
        429,
        "too_many_attempts",
        `Too many attempts to sign in from this address. Retry in ${wait} s.`,
        {
          "retry-after": String(wait),
        },
      )
    }
    const { key } = await readObject({ bodies, req, res }, ["key"])
    if (typeof key !== "string") throw invalid("`key` is not a text. Send the key with admin.")
    const principal = auth.keys.find(key)
    if (!principal?.isAdmin) {
      const reason = principal ? `${principal.name} has no admin` : "the key is not one of auth.keys"
      onSignIn(`A sign-in to the dashboard from ${caller} was refused: ${reason}.`)
      throw new HttpError(401, "unauthenticated", "This is not a key with admin. Check auth.keys.")
    }
    const { id, expiresAt } = await sessions.create(caller, hashKey(key).toString("hex"))
    onSignIn(`${principal.name} signed in to the dashboard from ${caller}.`)
    sendJson(
      res,
      200,
      { mode: access.mode, isSignedIn: true, name: principal.name, expiresAt },
      { "set-cookie": `${access.cookieName}=${id}; ${ATTRIBUTES}; Max-Age=${SESSION_MS / 1_000}` },
    )
  }

  async function signOut(req: IncomingMessage, res: ServerResponse): Promise<void> {
    checkHeader(req)
    const id = access.sessionIdOf(req)
    if (id !== undefined) await sessions.end(id)
    sendJson(
      res,
      200,
      { mode: access.mode, isSignedIn: false },
      { "set-cookie": `${access.cookieName}=; ${ATTRIBUTES}; Max-Age=0` },
    )
  }

  const answers: Readonly<Record<string, (req: IncomingMessage, res: ServerResponse) => Promise<void>>> = {
    GET: show,
    HEAD: show,
    POST: signIn,
    DELETE: signOut,
  }
  return {
    methods: Object.keys(answers),
    isOpen: true,
    answer: (req, res) => answers[req.method ?? "GET"]?.(req, res),
  }
}
