import { decodeJwt, decodeProtectedHeader, errors } from "jose"
import { shown, type AuthOutcome } from "./refusal.ts"

interface Checked {
  readonly options: { readonly issuer: string; readonly audience: string | readonly string[] }
}

/** Why a token is not accepted, for the operator. What of the token is shown is neither its signature nor the whole of its claims. */
export function explainRejection(error: errors.JOSEError, { options }: Checked, token: string, now: number): string {
  const { issuer, audience } = options
  const { exp, nbf, aud, sub } = decodeJwt(token)
  const { kid } = decodeProtectedHeader(token)
  const whose = `of "${issuer}"${sub === undefined ? "" : ` for "${shown(sub)}"`}`
  const key = kid === undefined ? "" : ` (kid "${shown(kid)}")`
  if (error instanceof errors.JWTExpired) return `the token ${whose} expired ${secondsBetween(exp, now)} s ago`
  if (error instanceof errors.JWKSNoMatchingKey) return `the issuer "${issuer}" has no key for the token${key}`
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return `the signature does not fit the key of "${issuer}"${key}`
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === "missing") return `the token ${whose} has no ${error.claim}`
    if (error.claim === "aud") return `aud is "${shown(aud)}", want ${JSON.stringify(audience)}`
    if (error.claim === "nbf") return `the token ${whose} is not valid before ${-secondsBetween(nbf, now)} s from now`
    return `the claim ${error.claim} of the token ${whose} is wrong`
  }
  return `the token ${whose} is malformed: ${shown(error.message)}`
}

/** The same in one word. */
export function outcomeOf(error: errors.JOSEError): AuthOutcome {
  if (error instanceof errors.JWTExpired) return "expired"
  if (error instanceof errors.JWKSNoMatchingKey) return "unknown_key"
  if (error instanceof errors.JWSSignatureVerificationFailed) return "bad_signature"
  return error instanceof errors.JWTClaimValidationFailed && error.claim === "aud" ? "wrong_audience" : "malformed"
}

const secondsBetween = (seconds: number | undefined, now: number): number => Math.round(now / 1_000 - (seconds ?? 0))
