import { createAuthenticator, type AuthenticatorOptions } from "./authenticator.ts"
import type { AuthOptions } from "./options.ts"
import type { Principal } from "./principal.ts"

/** Without a hub: no ticket can be used, and what goes wrong is told by the refusal. */
const OFFLINE: AuthenticatorOptions = {
  publicUrls: [],
  useTicket: async () => true,
  onError: (error) => console.error(`onward: ${error instanceof Error ? error.message : String(error)}`),
  now: Date.now,
}

/** Checks options without starting a hub. Throws `UsageError`. */
export function checkAuth(options: AuthOptions | undefined): void {
  if (options) createAuthenticator(options, OFFLINE)
}

/** The principal that a hub with these options makes of a key or a token. Rejects with `AuthRefusal`, `HttpError` 503 and `UsageError`. */
export const verifyCredential = async (credential: string, options: AuthOptions): Promise<Principal> =>
  createAuthenticator(options, OFFLINE).verify(credential)
