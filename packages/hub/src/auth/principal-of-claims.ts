import type { JWTPayload } from "jose"
import type { IssuerOptions } from "./options.ts"
import type { GrantsOfClaims } from "./permissions.ts"
import type { Principal } from "./principal.ts"
import { shown, unauthenticated } from "./refusal.ts"

/** Longest user id, in characters: as for presence. */
const MAX_USER_ID = 256

interface Rules {
  readonly options: IssuerOptions
  readonly grantsOf: GrantsOfClaims
  /** Longest remaining life of a token, in ms. */
  readonly maxLifetime: number
  /** How far clocks may differ, in ms. */
  readonly tolerance: number
  /** The time in ms since 1970. */
  readonly now: number
}

/** The principal of a token that was verified. Throws `AuthRefusal` 401 for claims that it cannot be made of. */
export function principalOfClaims(claims: JWTPayload, rules: Rules): Principal {
  const { options, maxLifetime, tolerance, now } = rules
  const { issuer, userIdClaim = "sub" } = options
  const id = claims[userIdClaim]
  if (id !== undefined && !isUserId(id)) {
    throw unauthenticated(`the claim ${userIdClaim} must be a text of 1 to ${MAX_USER_ID} characters`)
  }
  const expiresAt = (claims.exp as number) * 1_000
  const issuedAt = (claims.iat ?? 0) * 1_000
  if (expiresAt - now > maxLifetime + tolerance) {
    const seconds = Math.floor((expiresAt - now) / 1_000)
    throw unauthenticated(`the token lives for another ${seconds} s, longer than auth.maxTokenLifetime`)
  }
  if (issuedAt > now + tolerance) throw unauthenticated("the token was issued in the future (iat)")
  return {
    name: `${id === undefined ? "a token" : `user "${shown(id)}"`} of "${issuer}"`,
    method: "jwt",
    issuer,
    ...(id !== undefined && { userId: id }),
    grants: grantsFor(claims, rules),
    expiresAt,
    issuedAt,
    ...(typeof claims.jti === "string" && { tokenId: claims.jti }),
    isAdmin: false,
  }
}

const isUserId = (id: unknown): id is string =>
  typeof id === "string" && id !== "" && id.length <= MAX_USER_ID && id.isWellFormed()

function grantsFor(claims: JWTPayload, { options, grantsOf }: Rules): Principal["grants"] {
  try {
    return grantsOf(claims, options.grantsClaim ?? "onward")
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw unauthenticated(`the grants of the token cannot be read: ${error.message}`)
  }
}
