import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from "jose"
import { hash } from "node:crypto"
import { UsageError } from "../usage-error.ts"
import { explainRejection } from "./explain.ts"
import { fetchJwks } from "./fetch-jwks.ts"
import { createJwks, type Jwks } from "./jwks.ts"
import { numberOf, type IssuerOptions } from "./options.ts"
import type { GrantsOfClaims } from "./permissions.ts"
import type { Principal } from "./principal.ts"
import { principalOfClaims } from "./principal-of-claims.ts"
import { AuthRefusal, shown, unauthenticated } from "./refusal.ts"
import { readVerificationKey, type VerificationKey } from "./verification-key.ts"

/** Longest token, in characters. */
const MAX_TOKEN = 8_192
/** Tokens whose verification is remembered, and for how long, in ms: a key that its issuer withdraws is not trusted for longer. */
const MAX_KNOWN = 10_000
const KNOWN_MS = 600_000
/** Types of tokens that allow access (RFC 7519 section 5.1, RFC 9068 section 2.1). Others are for something else. */
const TYPES = /^(?:application\/)?(?:at\+)?jwt$/i

export interface IssuersOptions {
  readonly issuers: readonly IssuerOptions[]
  readonly grantsOf: GrantsOfClaims
  /** Longest remaining life of a token, in ms. */
  readonly maxLifetime: number
  readonly onError: (error: unknown) => void
  /** The time in ms since 1970. */
  readonly now: () => number
}

/** Verifies JSON Web Tokens. */
export interface Issuers {
  /** The principal of a token: at once when it was verified before. Throws `AuthRefusal` 401. */
  verify(token: string): Principal | Promise<Principal>
}

interface Issuer extends VerificationKey {
  readonly options: IssuerOptions
  readonly jwks: Jwks | undefined
  readonly verifyOptions: JWTVerifyOptions
  readonly tolerance: number
}

/** Reads issuers. Throws `UsageError`. */
export function createIssuers({ issuers: given, grantsOf, maxLifetime, onError, now }: IssuersOptions): Issuers {
  const issuers = new Map<string, Issuer>()
  for (const [i, options] of given.entries()) {
    if (issuers.has(options.issuer)) throw new UsageError(`auth.issuers has "${options.issuer}" twice`)
    issuers.set(options.issuer, readIssuer(options, `issuers[${i}]`, { onError, now }))
  }
  const known = new Map<string, { readonly principal: Principal; readonly until: number }>()

  async function verify(token: string, digest: string): Promise<Principal> {
    const issuer = issuerOf(token)
    const claims = await check(token, issuer).catch((error: unknown) => {
      throw error instanceof errors.JOSEError ? unauthenticated(explainRejection(error, issuer, token, now())) : error
    })
    const principal = principalOfClaims(claims, { ...issuer, grantsOf, maxLifetime, now: now() })
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value as string)
    known.set(digest, { principal, until: Math.min(principal.expiresAt, now() + KNOWN_MS) })
    return principal
  }

  /** By what the token says of itself; only the keys of that issuer are tried. */
  function issuerOf(token: string): Issuer {
    try {
      const { typ, alg } = decodeProtectedHeader(token)
      if (typ !== undefined && !TYPES.test(typ))
        throw unauthenticated(`a token of type "${shown(typ)}" is for another use`)
      const { iss } = decodeJwt(token)
      const issuer = issuers.get(String(iss))
      if (!issuer) throw unauthenticated(`no key for the issuer "${shown(iss)}"`)
      if (!issuer.algorithms.includes(String(alg))) {
        throw unauthenticated(`alg ${shown(alg)} is not allowed for the issuer "${issuer.options.issuer}"`)
      }
      return issuer
    } catch (error) {
      if (error instanceof AuthRefusal) throw error
      throw unauthenticated("the credential is not a key, and not a JSON Web Token")
    }
  }

  async function check(token: string, issuer: Issuer): Promise<JWTPayload> {
    const { jwks } = issuer
    try {
      return await checkOnce(token, issuer)
    } catch (error) {
      const isOther = !(
        error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed
      )
      if (!jwks || isOther || !(await jwks.refresh())) throw error
      return checkOnce(token, issuer)
    }
  }

  async function checkOnce(token: string, { key, jwks, verifyOptions }: Issuer): Promise<JWTPayload> {
    const options = { ...verifyOptions, currentDate: new Date(now()) }
    if (key) return (await jwtVerify(token, key, options)).payload
    try {
      return (await jwtVerify(token, (jwks as Jwks).getKey, options)).payload
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
      return await checkWithEach(token, error, options)
    }
  }

  return {
    verify(token) {
      if (token.length > MAX_TOKEN) throw unauthenticated(`the token has more than ${MAX_TOKEN} characters`)
      // not by the token itself, which would keep it in memory
      const digest = hash("sha256", token, "base64url")
      const found = known.get(digest)
      if (found && found.until > now()) return found.principal
      known.delete(digest)
      return verify(token, digest)
    },
  }
}

/** Tokens without a key id may be signed by any key of the set. */
async function checkWithEach(
  token: string,
  { [Symbol.asyncIterator]: keys }: errors.JWKSMultipleMatchingKeys,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  for await (const key of { [Symbol.asyncIterator]: keys }) {
    try {
      return (await jwtVerify(token, key, options)).payload
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
    }
  }
  throw new errors.JWSSignatureVerificationFailed()
}

function readIssuer(
  options: IssuerOptions,
  path: string,
  { onError, now }: Pick<IssuersOptions, "onError" | "now">,
): Issuer {
  const { issuer, audience, jwks: address, allowPrivateJwks: allowPrivate = false } = options
  if (typeof issuer !== "string" || issuer === "")
    throw new UsageError(`auth.${path}.issuer must be the iss of its tokens`)
  const audiences: string[] = typeof audience === "string" ? [audience] : [...(audience ?? [])]
  if (audiences.length === 0 || audiences.some((each) => typeof each !== "string" || each === "")) {
    throw new UsageError(`auth.${path}.audience must be the aud of tokens for this hub, such as the URL of the hub`)
  }
  const key = readVerificationKey(options, path)
  const tolerance = numberOf(`${path}.clockTolerance`, options.clockTolerance, 5_000)
  const url = address === undefined ? undefined : urlOf(address, path, allowPrivate)
  return {
    ...key,
    options,
    tolerance,
    jwks: url && createJwks({ url: url.href, load: () => fetchJwks(url, { allowPrivate }), onError, now }),
    verifyOptions: {
      issuer,
      audience: audiences,
      algorithms: key.algorithms,
      clockTolerance: tolerance / 1_000,
      requiredClaims: ["exp"],
    },
  }
}

function urlOf(address: string, path: string, allowPrivate: boolean): URL {
  const url = URL.parse(address)
  const isKnown = url?.protocol === "https:" || (allowPrivate && url?.protocol === "http:")
  if (url && isKnown && url.username === "" && url.password === "") return url
  throw new UsageError(`auth.${path}.jwks must be an https URL without a password; http needs allowPrivateJwks`)
}
