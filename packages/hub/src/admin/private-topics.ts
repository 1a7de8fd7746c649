import type { Entry } from "onward"
import type { Auth } from "../auth/index.ts"
import { Grants } from "../auth/grants.ts"
import { AuthRefusal } from "../auth/refusal.ts"

/** Whether the payload of an entry is shown only when an operator asks for it. */
export type IsPrivate = (entry: Pick<Entry, "topic">) => boolean

/**
 * Entries are private unless every client may read them: on a hub without authentication none is, on another hub all but those on topics that
 * `auth.anonymous` may subscribe to.
 */
export function privateTopics(auth: Auth | undefined): IsPrivate {
  if (!auth) return () => false
  const open = anonymousGrants(auth)
  return ({ topic }) => !open.covers(topic)
}

function anonymousGrants(auth: Auth): Grants {
  try {
    const principal = auth.verify(undefined)
    return principal instanceof Promise ? Grants.none : principal.grants.subscribe
  } catch (error) {
    if (error instanceof AuthRefusal) return Grants.none
    throw error
  }
}
