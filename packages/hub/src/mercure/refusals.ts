import { AuthRefusal, type AuthOutcome } from "../auth/index.ts"
import type { Dialect } from "./dialect.ts"

/** Makes the errors of requests that are refused for what they may not do. `reason` is for the operator's log. */
export interface Refusals {
  /** The request needs a token and has none. */
  missingToken(reason: string): AuthRefusal
  /** The token is not accepted. */
  invalidToken(refusal: Pick<AuthRefusal, "reason" | "outcome">): AuthRefusal
  /** The credential cannot be read, or is sent from a page that may not send it. */
  invalidRequest(reason: string): AuthRefusal
  /** The token is accepted, and does not grant this. */
  insufficientScope(reason: string): AuthRefusal
}

/**
 * Returns the refusals of a dialect. Both have a challenge (RFC 6750 section 3, RFC 9728 section 5.1). Mercure 0.x answers all of them with 401.
 * @param metadata the URL of the metadata of this protected resource
 */
export function refusalsOf(dialect: Dialect, metadata: string): Refusals {
  const refusal = (
    status: 400 | 401 | 403,
    error: string,
    text: string,
    { reason, outcome }: { readonly reason: string; readonly outcome: AuthOutcome },
  ): AuthRefusal => {
    const line = dialect === 0 ? "Unauthorized. The request needs a token that allows it." : text
    return new AuthRefusal(
      dialect === 0 ? 401 : status,
      error || "unauthenticated",
      line,
      { reason, outcome, method: `mercure${dialect}` },
      {
        "www-authenticate": `Bearer resource_metadata="${metadata}"${error === "" ? "" : `, error="${error}"`}`,
      },
    )
  }
  return {
    missingToken: (reason) =>
      refusal(401, "", "Unauthorized. The request has no token.", { reason, outcome: "no_credential" }),
    invalidToken: (refused) =>
      refusal(401, "invalid_token", "Unauthorized. The hub does not accept the token.", refused),
    invalidRequest: (reason) =>
      refusal(400, "invalid_request", "Bad request. The hub does not accept a token that is sent like this.", {
        reason,
        outcome: "malformed",
      }),
    insufficientScope: (reason) =>
      refusal(403, "insufficient_scope", "Forbidden. The token does not allow this.", { reason, outcome: "no_grant" }),
  }
}
