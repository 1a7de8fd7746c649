import type { AuthMethod } from "./principal.ts"

/** Is told what authentication does, for metrics. Refusals are told by the error, `AuthRefusal`. */
export interface AuthObserver {
  /** A credential was accepted, which does not mean that it allows the request. */
  onAccepted(method: AuthMethod): void
  /** A key set was read, or could not be. */
  onJwksFetched(isRead: boolean): void
  /** A server of forward auth answered after `duration` ms: with a principal, with a refusal, or not as it has to. */
  onForwardAsked(duration: number, outcome: "ok" | "refused" | "error"): void
}
