import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from "jose"
import { hash } from "node:crypto"
import { explainRejection, outcomeOf } from "./explain.ts"
import type { Issuer } from "./issuer.ts"
import type { Jwks } from "./jwks.ts"
import { AuthRefusal, shown, unauthenticated } from "./refusal.ts"

/** Longest token, in characters. */
const MAX_TOKEN = 8_192
/** Tokens whose verification is remembered, and for how long, in ms: a key that its issuer withdraws is not trusted for longer. */
const MAX_KNOWN = 10_000
const KNOWN_MS = 600_000

export interface VerifierOptions<Result> {
  /** The issuer whose key verifies a token with this `iss`; undefined for an unknown one. */
  readonly issuerOf: (iss: unknown) => Issuer | undefined
  /** Whether a token whose header has this `typ` allows access. Others are for something else. */
  readonly isAccepted: (typ: string | undefined) => boolean
  /** What a token means, of which the signature and the times were checked. Throws `AuthRefusal` 401. */
  readonly read: (claims: JWTPayload, issuer: Issuer) => Result
  /** The time in ms since 1970. */
  readonly now: () => number
  /** A monotonic time, in ms. @default performance.now */
  readonly monotonic?: () => number
}

/** Verifies JSON Web Tokens. */
export interface Verifier<Result> {
  /** What a token means: at once when it was verified before. Throws, or rejects with, `AuthRefusal` 401. */
  verify(token: string): Result | Promise<Result>
}

export function createVerifier<Result extends { readonly expiresAt: number }>({
  issuerOf,
  isAccepted,
  read,
  now,
  monotonic = () => performance.now(),
}: VerifierOptions<Result>): Verifier<Result> {
  const known = new Map<string, { readonly result: Result; readonly until: number }>()

  async function verify(token: string, digest: string): Promise<Result> {
    const issuer = issuerFor(token)
    const claims = await check(token, issuer).catch((error: unknown) => {
      throw error instanceof errors.JOSEError
        ? unauthenticated(explainRejection(error, issuer, token, now()), outcomeOf(error))
        : error
    })
    const result = read(claims, issuer)
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value as string)
    known.set(digest, { result, until: monotonic() + KNOWN_MS })
    return result
  }

  /** By what the token says of itself; only the keys of that issuer are tried. */
  function issuerFor(token: string): Issuer {
    try {
      const { typ, alg } = decodeProtectedHeader(token)
      if (!isAccepted(typ)) throw unauthenticated(`a token of type "${shown(typ)}" is for another use`)
      const { iss } = decodeJwt(token)
      const issuer = issuerOf(iss)
      if (!issuer) throw unauthenticated(`no key for the issuer "${shown(iss)}"`, "unknown_issuer")
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
      if (found && found.until > monotonic() && found.result.expiresAt > now()) return found.result
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
