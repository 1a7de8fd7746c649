import { readIssuers } from "./issuer.ts"
import type { AuthObserver } from "./observer.ts"
import type { IssuerOptions } from "./options.ts"
import type { GrantsOfClaims } from "./permissions.ts"
import type { Principal } from "./principal.ts"
import { principalOfClaims } from "./principal-of-claims.ts"
import { createVerifier, type Verifier } from "./verifier.ts"

/** Types of tokens that allow access (RFC 7519 section 5.1, RFC 9068 section 2.1). */
const TYPES = /^(?:application\/)?(?:at\+)?jwt$/i

export interface IssuersOptions {
  readonly issuers: readonly IssuerOptions[]
  readonly grantsOf: GrantsOfClaims
  /** Longest remaining life of a token, in ms. */
  readonly maxLifetime: number
  readonly onError: (error: unknown) => void
  readonly observer?: AuthObserver | undefined
  /** The time in ms since 1970. */
  readonly now: () => number
  /** A monotonic time, in ms. @default performance.now */
  readonly monotonic?: () => number
}

export type Issuers = Verifier<Principal>

/** Reads the issuers of tokens for Onward's own API. Throws `UsageError`. */
export function createIssuers({
  issuers,
  grantsOf,
  maxLifetime,
  onError,
  observer,
  now,
  monotonic,
}: IssuersOptions): Issuers {
  const known = readIssuers(issuers, "auth.issuers", { onError, observer, monotonic })
  return createVerifier({
    issuerOf: (iss) => known.get(String(iss)),
    isAccepted: (typ) => typ === undefined || TYPES.test(typ),
    read: (claims, issuer) => principalOfClaims(claims, { ...issuer, grantsOf, maxLifetime, now: now() }),
    now,
    ...(monotonic && { monotonic }),
  })
}
