import { createAuthenticator, type AuthenticatorOptions } from "./authenticator.ts"
import { explainCredential, type Asked, type Explanation } from "./explain-credential.ts"
import type { AuthOptions } from "./options.ts"

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

/** What a hub with these options makes of a key or a token. Rejects with `UsageError`. */
export function explainOffline(credential: string, asked: Asked, options: AuthOptions): Promise<Explanation> {
  return explainCredential(credential, asked, createAuthenticator(options, OFFLINE))
}
