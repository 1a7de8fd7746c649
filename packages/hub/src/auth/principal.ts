import { Grants } from "./grants.ts"

/** The claims of a token, verified. */
export type Claims = Readonly<Record<string, unknown>>

/** What a principal can be allowed to do on a topic. */
export type Action = "publish" | "subscribe"

/** The kind of a credential. */
export type AuthMethod = "key" | "jwt" | "ticket" | "forward" | "anonymous" | "mercure0" | "mercure1"

/**
 * On whose behalf a request is made, and what it may do. Each credential (key, token, cookie, ticket, answer of forward auth, none) becomes
 * one, and what is allowed does not depend on which it was.
 */
export interface Principal {
  /** What the log calls it. */
  readonly name: string
  /** The kind of its credential. */
  readonly method: AuthMethod
  /** Its issuer: the `iss` of its token. */
  readonly issuer?: string
  /** The user, among those of its issuer. */
  readonly userId?: string
  readonly grants: Readonly<Record<Action, Grants>>
  /** When its grants end, in ms since 1970. */
  readonly expiresAt: number
  /** When the credential was issued, in ms since 1970; 0 when it does not say. */
  readonly issuedAt: number
  /** The `jti` of its token. */
  readonly tokenId?: string
  /** For a principal that has to be asked about again while it has streams: from when, and how. */
  readonly recheck?: { readonly at: number; readonly ask: () => Promise<Principal> }
  /** Whether it may revoke users and tokens, and create tickets for users. */
  readonly isAdmin: boolean
}

/** The grants of a principal that may do nothing in Onward's own API. */
export const grantNothing: Principal["grants"] = { publish: Grants.none, subscribe: Grants.none }
