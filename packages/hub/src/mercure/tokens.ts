import { createPublicKey, createSecretKey } from "node:crypto"
import type { JWTPayload } from "jose"
import {
  algorithmsFor,
  createVerifier,
  grantNothing,
  readIssuers,
  unauthenticated,
  type Action,
  type AuthObserver,
  type Issuer,
  type Principal,
  type Verifier,
} from "../auth/index.ts"
import { UsageError } from "../usage-error.ts"
import { dialectOfToken, isAccessToken } from "./credentials.ts"
import type { Dialect } from "./dialect.ts"
import { grantsOfDetails, legacyGrants, type TokenGrants } from "./grants.ts"
import type { LegacyKey, MercureSettings } from "./setting.ts"

/** What a token means. */
export interface MercureToken {
  readonly dialect: Dialect
  /** On whose behalf the request is made. It is granted nothing in Onward's own API. */
  readonly principal: Principal
  readonly grants: TokenGrants
  /** In ms since 1970. */
  readonly expiresAt: number
}

/** Verifies the tokens of both dialects. Each token is checked by the keys of its own dialect only. */
export interface Tokens {
  /** Whether a token can be accepted for an action. */
  accepts(action: Action): boolean
  /** Throws, or rejects with, `AuthRefusal`. */
  verify(token: string, action: Action): MercureToken | Promise<MercureToken>
}

export interface TokensOptions {
  readonly settings: MercureSettings
  /** Values of `aud` that tokens of Mercure 1.0 may have; the first is the base of relative patterns. */
  readonly resources: readonly string[]
  readonly onError: (error: unknown) => void
  readonly observer?: AuthObserver | undefined
  /** The time in ms since 1970. */
  readonly now: () => number
}

const HMAC = /^HS(?:256|384|512)$/
/** Longest user id, in characters. */
const MAX_USER_ID = 256

/** Reads the keys of both dialects. Throws `UsageError`. */
export function createTokens({ settings, resources, onError, observer, now }: TokensOptions): Tokens {
  const { publisher, subscriber, issuers, dialects } = settings
  const isOpen = (dialect: Dialect): boolean => dialects.includes(dialect)
  const legacy = (key: LegacyKey | undefined, name: string): Verifier<MercureToken> | undefined =>
    isOpen(0) && key ? legacyVerifier(key, name, now) : undefined
  const [base = ""] = resources
  const modern = (action: Action): Verifier<MercureToken> | undefined => {
    const own = issuers.flatMap(({ actions, ...issuer }) =>
      actions?.includes(action) === false ? [] : [{ ...issuer, audience: resources }],
    )
    if (!isOpen(1) || own.length === 0) return undefined
    const known = readIssuers(own, "mercure.issuers", { onError, observer })
    return createVerifier({
      issuerOf: (iss) => known.get(String(iss)),
      isAccepted: isAccessToken,
      read: (claims, { options }) =>
        meaning(1, claims, { issuer: options.issuer, grants: grantsOfDetails(claims, base) }),
      now,
    })
  }
  const verifiers: Readonly<
    Record<Action, readonly [Verifier<MercureToken> | undefined, Verifier<MercureToken> | undefined]>
  > = {
    publish: [legacy(publisher, "mercure.publisher"), modern("publish")],
    subscribe: [legacy(subscriber, "mercure.subscriber"), modern("subscribe")],
  }
  return {
    accepts: (action) => verifiers[action].some((verifier) => verifier !== undefined),
    verify(token, action) {
      const dialect = dialectOfToken(token)
      const verifier = verifiers[action][dialect]
      if (verifier) return verifier.verify(token)
      throw unauthenticated(
        dialect === 0
          ? `the token is not of type at+jwt, and there is no key mercure.${action === "publish" ? "publisher" : "subscriber"}`
          : `the token is of type at+jwt, and there are no mercure.issuers for this action`,
      )
    },
  }
}

function legacyVerifier(given: LegacyKey, name: string, now: () => number): Verifier<MercureToken> {
  const issuer = legacyIssuer(given, name)
  return createVerifier<MercureToken>({
    issuerOf: () => issuer,
    isAccepted: (typ) => !isAccessToken(typ),
    read: (claims) => meaning(0, claims, { issuer: claims.iss ?? name, grants: legacyGrants(claims) }),
    now,
  })
}

/** One key for all tokens: Mercure 0.x checks neither `iss` nor `aud`. */
function legacyIssuer({ key: text, algorithm = "HS256" }: LegacyKey, name: string): Issuer {
  const isPem = text.includes("-----BEGIN")
  if (HMAC.test(algorithm) === isPem) {
    const advice = isPem
      ? "a key in PEM format needs RS256, PS256, ES256 or EdDSA"
      : "a secret needs HS256, HS384 or HS512"
    throw new UsageError(`${name}.algorithm is "${algorithm}": ${advice}`)
  }
  const key = isPem ? publicKeyOf(text, name) : createSecretKey(Buffer.from(text))
  if (isPem && !algorithmsFor(key).includes(algorithm)) {
    throw new UsageError(
      `${name}.algorithm is "${algorithm}", which does not fit the key: use ${algorithmsFor(key).join(", ")}`,
    )
  }
  return {
    key,
    algorithms: [algorithm],
    options: { issuer: name, audience: "" },
    jwks: undefined,
    tolerance: 0,
    verifyOptions: { algorithms: [algorithm] },
  }
}

function publicKeyOf(pem: string, name: string): ReturnType<typeof createPublicKey> {
  try {
    return createPublicKey(pem)
  } catch {
    throw new UsageError(`${name}.key is not a public key or certificate in PEM format`)
  }
}

interface Meaning {
  readonly issuer: string
  readonly grants: TokenGrants
}

function meaning(dialect: Dialect, { sub, exp, iat, jti }: JWTPayload, { issuer, grants }: Meaning): MercureToken {
  const expiresAt = exp === undefined ? Infinity : exp * 1_000
  const isUser = typeof sub === "string" && sub !== "" && sub.length <= MAX_USER_ID && sub.isWellFormed()
  const principal: Principal = {
    name: `${isUser ? `user ${JSON.stringify(sub)}` : "a token"} of ${JSON.stringify(issuer)}`,
    method: `mercure${dialect}`,
    issuer,
    ...(isUser && { userId: sub }),
    grants: grantNothing,
    expiresAt,
    issuedAt: iat === undefined ? 0 : iat * 1_000,
    ...(typeof jti === "string" && { tokenId: jti }),
    isAdmin: false,
  }
  return { dialect, principal, grants, expiresAt }
}
