import type { Entry } from "onward"
import type { Auth } from "../auth/index.ts"
import { Grants } from "../auth/grants.ts"
import { AuthRefusal } from "../auth/refusal.ts"

/** Whether the payload of an entry is shown only when an operator asks for it. */
export type IsPrivate = (entry: Pick<Entry, "topic" | "private">) => boolean

/**
 * Entries are private if their publisher said so, and on a hub with authentication also on all topics that `auth.anonymous` may not
 * subscribe to.
 */
export function privateTopics(auth: Auth | undefined): IsPrivate {
  if (!auth) return (entry) => entry.private === true
  const open = anonymousGrants(auth)
  return (entry) => entry.private === true || !open.covers(entry.topic)
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
