import type { Peers, PrimaryFunctions } from "../worker-calls.ts"
import { createSessionStore, type SessionStore } from "./session-store.ts"

const NAME = {
  attempt: "session.attempt",
  create: "session.create",
  find: "session.find",
  end: "session.end",
} as const

interface Creating {
  readonly caller: string
  readonly keyHash: string
}

/** In the primary process: what workers call to use one store of sessions together. */
export function sessionFunctions(store: SessionStore = createSessionStore()): PrimaryFunctions {
  return {
    [NAME.attempt]: (caller: string) => store.attempt(caller),
    [NAME.create]: ({ caller, keyHash }: Creating) => store.create(caller, keyHash),
    [NAME.find]: (id: string) => store.find(id),
    [NAME.end]: (id: string) => store.end(id),
  }
}

/** In a process that answers requests: the sessions, which the primary process keeps. */
export const shareSessions = (peers: Peers): SessionStore => ({
  attempt: (caller) => peers.callPrimary(NAME.attempt, caller),
  create: (caller, keyHash) => peers.callPrimary(NAME.create, { caller, keyHash } satisfies Creating),
  find: (id) => peers.callPrimary(NAME.find, id),
  end: (id) => peers.callPrimary(NAME.end, id),
})
