import { randomBytes } from "node:crypto"
import { HttpError } from "../http-error.ts"
import { printable } from "../printable.ts"
import type { Action, AuthMethod, Principal } from "./principal.ts"

/** Why a credential was not accepted, or not enough, in one word for metrics. */
export type AuthOutcome =
  | "no_credential"
  | "malformed"
  | "unknown_key"
  | "unknown_issuer"
  | "bad_signature"
  | "expired"
  | "wrong_audience"
  | "revoked"
  | "used"
  | "refused"
  | "blocked_origin"
  | "no_grant"

/**
 * A request that is refused for what it may not do. The client gets a request id and nothing that helps to guess; `reason`, one line, is for
 * the operator's log.
 */
export class AuthRefusal extends HttpError {
  readonly requestId: string
  readonly reason: string
  readonly outcome: AuthOutcome
  /** With which kind of credential; undefined while that is not known, and for a request without one. */
  method: AuthMethod | undefined

  constructor(
    status: 400 | 401 | 403,
    code: string,
    message: string,
    { reason, outcome, method }: Pick<AuthRefusal, "reason" | "outcome"> & { readonly method?: AuthMethod },
    headers: Readonly<Record<string, string>> = {},
  ) {
    const requestId = randomBytes(6).toString("hex")
    super(status, code, message, {
      "x-request-id": requestId,
      ...(status === 401 && { "www-authenticate": "Bearer" }),
      ...headers,
    })
    this.requestId = requestId
    this.reason = reason
    this.outcome = outcome
    this.method = method
  }
}

/** 401: there is no credential, or it is not accepted. */
export const unauthenticated = (reason: string, outcome: AuthOutcome = "malformed"): AuthRefusal =>
  new AuthRefusal(401, "unauthenticated", "The hub needs a valid credential. Send Authorization: Bearer <token>.", {
    reason,
    outcome,
  })

/** 403: the credential is accepted, and the action is not granted. */
export const notGranted = (principal: Principal, action: Action, topic: string): AuthRefusal =>
  new AuthRefusal(
    403,
    "topic_not_allowed",
    `The credential does not allow to ${action === "publish" ? "publish" : "subscribe"} to the topic "${shown(topic)}". Use another topic or credential.`,
    {
      reason: `${principal.name} may ${action} ${principal.grants[action].toString()}, not "${shown(topic)}"`,
      outcome: "no_grant",
      method: principal.method,
    },
  )

/** What a client sent, in a line of the log: claims need not be text. */
export function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing")
  return printable(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text)
}

const MAX_SHOWN = 100
