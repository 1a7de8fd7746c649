import type { ServerResponse } from "node:http"
import type { Auth } from "./auth.ts"
import type { Principal } from "./principal.ts"
import type { Session } from "./sessions.ts"

interface Stream {
  readonly topics: readonly string[]
  /** The session is over when it closes. */
  readonly res: ServerResponse
}

/** Begins the session of a response that is a stream. `headers` tell its client how to renew it, if its grants end some day. */
export function openSession(
  auth: Auth,
  principal: Principal,
  { topics, res }: Stream,
): Pick<Session, "signal"> & { readonly headers: Readonly<Record<string, string>> } {
  const session = auth.open(principal, topics)
  res.once("close", () => auth.close(session))
  return {
    signal: session.signal,
    headers: principal.expiresAt < Infinity ? { "onward-connection": session.connection } : {},
  }
}
