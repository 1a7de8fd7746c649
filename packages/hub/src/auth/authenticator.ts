import type { IncomingMessage } from "node:http"
import { credentialOf, explainMissing, type Credential } from "./credential.ts"
import { createForward } from "./forward.ts"
import { grantsOf } from "./grant-options.ts"
import { createIssuers } from "./issuers.ts"
import { explainGrants } from "./explain-grants.ts"
import { createKeys, type Keys } from "./keys.ts"
import { checkAuthNames, numberOf, type AuthOptions } from "./options.ts"
import { checkOwnPage } from "./own-page.ts"
import { createPermissions } from "./permissions.ts"
import type { AuthObserver } from "./observer.ts"
import type { AuthMethod, Principal } from "./principal.ts"
import { AuthRefusal, unauthenticated } from "./refusal.ts"
import { createTickets, type Tickets } from "./tickets.ts"

/** Finds out on whose behalf a request is made. */
export interface Authenticator {
  /**
   * The principal of a request: at once when its credential is known, so that a connect needs no other turn of the event loop.
   * Throws, or rejects with, `AuthRefusal` 401 or 403; and `HttpError` 503 when it cannot be told now.
   */
  authenticate(req: IncomingMessage, url: URL): Principal | Promise<Principal>
  /** The principal of a key or a token. Throws, or rejects with, what `authenticate` does. */
  verify(credential: string): Principal | Promise<Principal>
  /** The principal of a request without a credential. Throws `AuthRefusal` 401 if it may do nothing. */
  anonymous(): Principal
  /** Where the grants of a token that was accepted come from, for its operator. */
  explainGrants(token: string): readonly string[]
  readonly keys: Keys
  /** Undefined when tickets are disabled. */
  readonly tickets: Tickets | undefined
  /** Origins besides the hub's own whose pages may publish by a cookie. */
  readonly origins: readonly string[]
}

export interface AuthenticatorOptions {
  /** Origins of the hub as browsers know it. */
  readonly publicUrls: readonly string[]
  /** Marks a ticket as used, at all hubs; resolves to whether it was used before. */
  readonly useTicket: (id: string) => Promise<boolean>
  readonly onError: (error: unknown) => void
  readonly observer?: AuthObserver | undefined
  /** The time in ms since 1970. */
  readonly now: () => number
}

const DAY_MS = 86_400_000

/** Paths that take a ticket: streams, which clients open that cannot send headers. */
const TICKET_PATHS = new Set(["/events", "/presence/events"])

/** Makes what authenticates requests. Throws `UsageError` for options that cannot be used. */
export function createAuthenticator(
  options: AuthOptions,
  { publicUrls, useTicket, onError, observer, now }: AuthenticatorOptions,
): Authenticator {
  checkAuthNames(options)
  const keys = createKeys(options.keys ?? [])
  const issuers = createIssuers({
    issuers: options.issuers ?? [],
    grantsOf: createPermissions(options.permissions ?? []),
    maxLifetime: numberOf("auth.maxTokenLifetime", options.maxTokenLifetime, DAY_MS),
    onError,
    observer,
    now,
  })
  const anonymousPrincipal = options.anonymous && anonymousOf(options.anonymous)
  const tickets = options.tickets && createTickets(options.tickets, { use: useTicket, now })
  const forward = options.forward && createForward(options.forward, { onError, observer, now })
  const cookie = options.cookie && (options.cookie.name ?? "__Host-onward")
  const origins = new Set([...publicUrls, ...(options.cookie?.origins ?? [])])

  function principalOf({ from, value }: Credential, req: IncomingMessage): Principal | Promise<Principal> {
    if (from === "ticket") return (tickets as Tickets).accept(value, lastEventIdOf(req))
    if (from === "header") return verify(value)
    checkOwnPage(req, origins)
    return issuers.verify(value)
  }

  function verify(credential: string): Principal | Promise<Principal> {
    // a token has two dots, and a key none
    if (credential.includes(".")) return issuers.verify(credential)
    const principal = keys.find(credential)
    if (!principal) throw unauthenticated("the key is not one of auth.keys", "unknown_key")
    return principal
  }

  return {
    tickets,
    keys,
    origins: options.cookie?.origins ?? [],
    verify,
    anonymous() {
      if (anonymousPrincipal) return anonymousPrincipal
      throw unauthenticated("no credential", "no_credential")
    },
    explainGrants: (token) => explainGrants(token, options),
    authenticate(req, url) {
      const acceptsTicket = tickets !== undefined && req.method === "GET" && TICKET_PATHS.has(url.pathname)
      const credential = credentialOf(req, url, { cookie, acceptsTicket })
      if (credential) return by(methodOf(credential), () => principalOf(credential, req))
      const asked = by("forward", () => forward?.ask(req, () => checkOwnPage(req, origins)))
      if (asked) return asked
      if (anonymousPrincipal) return anonymousPrincipal
      throw unauthenticated(explainMissing(url), "no_credential")
    },
  }
}

const methodOf = ({ from, value }: Credential): AuthMethod =>
  from === "ticket" ? "ticket" : from === "header" && !value.includes(".") ? "key" : "jwt"

/** What `ask` returns; a refusal tells the kind of credential. */
function by<T extends Principal | Promise<Principal> | undefined>(method: AuthMethod, ask: () => T): T {
  const refuse = (error: unknown): never => {
    if (error instanceof AuthRefusal) error.method ??= method
    throw error
  }
  try {
    const found = ask()
    return found instanceof Promise ? (found.catch(refuse) as T) : found
  } catch (error) {
    return refuse(error)
  }
}

function lastEventIdOf({ headers }: IncomingMessage): string | undefined {
  const id = headers["last-event-id"]
  return id === undefined ? undefined : String(id)
}

const anonymousOf = (options: NonNullable<AuthOptions["anonymous"]>): Principal => ({
  name: "anonymous",
  method: "anonymous",
  grants: grantsOf("anonymous", options),
  expiresAt: Infinity,
  issuedAt: 0,
  isAdmin: false,
})
