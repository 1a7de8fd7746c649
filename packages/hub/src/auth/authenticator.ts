import type { IncomingMessage } from "node:http"
import { credentialOf, explainMissing, type Credential } from "./credential.ts"
import { grantsOf } from "./grant-options.ts"
import { createIssuers } from "./issuers.ts"
import { createKeys } from "./keys.ts"
import { checkAuthNames, numberOf, type AuthOptions } from "./options.ts"
import { createPermissions } from "./permissions.ts"
import type { Principal } from "./principal.ts"
import { unauthenticated } from "./refusal.ts"

/** Finds out on whose behalf a request is made. */
export interface Authenticator {
  /**
   * The principal of a request: at once when its credential is known, so that a connect needs no other turn of the event loop.
   * Throws, or rejects with, `AuthRefusal` 401; and `HttpError` 503 when it cannot be told now.
   */
  authenticate(req: IncomingMessage, url: URL): Principal | Promise<Principal>
}

export interface AuthenticatorOptions {
  readonly onError: (error: unknown) => void
  /** The time in ms since 1970. @default Date.now */
  readonly now?: () => number
}

const DAY_MS = 86_400_000

/** Makes what authenticates requests. Throws `UsageError` for options that cannot be used. */
export function createAuthenticator(
  options: AuthOptions,
  { onError, now = Date.now }: AuthenticatorOptions,
): Authenticator {
  checkAuthNames(options)
  const findKey = createKeys(options.keys ?? [])
  const issuers = createIssuers({
    issuers: options.issuers ?? [],
    grantsOf: createPermissions(options.permissions ?? []),
    maxLifetime: numberOf("maxTokenLifetime", options.maxTokenLifetime, DAY_MS),
    onError,
    now,
  })
  const anonymous = options.anonymous && anonymousOf(options.anonymous)

  function principalOf({ value }: Credential): Principal | Promise<Principal> {
    // a token has two dots, and a key none
    if (!value.includes(".")) {
      const principal = findKey(value)
      if (!principal) throw unauthenticated("the key is not one of auth.keys")
      return principal
    }
    return issuers.verify(value)
  }

  return {
    authenticate(req, url) {
      const credential = credentialOf(req, url, { cookie: undefined, acceptsTicket: false })
      if (credential) return principalOf(credential)
      if (anonymous) return anonymous
      throw unauthenticated(explainMissing(url))
    },
  }
}

const anonymousOf = (options: NonNullable<AuthOptions["anonymous"]>): Principal => ({
  name: "anonymous",
  grants: grantsOf("anonymous", options),
  expiresAt: Infinity,
  issuedAt: 0,
  isAdmin: false,
})
