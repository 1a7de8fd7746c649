import { SignJWT, type JWTPayload } from "jose"
import type { AuthOptions } from "../../src/auth/index.ts"

export const ISSUER = "https://app.example.com"
export const AUDIENCE = "https://events.example.com"
export const SECRET = "a secret of more than thirty-two bytes, for tests"
export const PUBLISH_KEY = "ok_a-publish-key-of-more-than-32-characters"

/** Options with a publish key and an issuer that shares a secret. */
export const AUTH: AuthOptions = {
  keys: [{ name: "backend", key: PUBLISH_KEY }],
  issuers: [{ issuer: ISSUER, audience: AUDIENCE, secret: SECRET }],
}

export const ADMIN_KEY = "ok_an-admin-key-of-more-than-32-characters"

/** The options of {@link AUTH}, with a key that may revoke. */
export const ADMIN_AUTH: AuthOptions = {
  ...AUTH,
  keys: [...(AUTH.keys ?? []), { name: "admin", key: ADMIN_KEY, publish: [], admin: true }],
}

/** A token of the issuer in {@link AUTH}, valid for five minutes unless the claims say otherwise. */
export function signToken(claims: JWTPayload = {}, secret = SECRET): Promise<string> {
  const now = Math.floor(Date.now() / 1_000)
  return new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: "ada", iat: now, exp: now + 300, ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .sign(Buffer.from(secret))
}

export const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` })

/** The text of an answer that is no stream, which would have no end. */
export async function textOf(response: Response): Promise<string> {
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return response.text()
  await response.body?.cancel()
  throw new Error("the request was answered with a stream")
}
