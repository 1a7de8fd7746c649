import { authorize } from "./authorize.ts"
import { invalid } from "./fields.ts"
import { Grants, toGrant } from "./grants.ts"
import type { Principal } from "./principal.ts"
import { shown } from "./refusal.ts"

/** What a request for a ticket says. */
export type TicketFields = Partial<Record<"topic" | "userId" | "expiresIn", readonly string[]>>

/** How long the grants of a ticket last when neither its backend nor the grants of its holder say, in ms. */
const HOUR_MS = 3_600_000

/**
 * The principal of a ticket: for a key with admin the user that it names, else the one that asks. It may subscribe to the topics that the
 * request names, without them to all that are granted, and publish nothing.
 * @throws HttpError 400, AuthRefusal 403
 */
export function principalOfTicket(asker: Principal, fields: TicketFields): Principal {
  return asker.isAdmin ? userOf(fields) : narrowed(asker, fields)
}

function narrowed(principal: Principal, { topic: topics, userId, expiresIn }: TicketFields): Principal {
  if (userId ?? expiresIn) throw invalid("only a key with admin may give `userId` and `expiresIn`")
  if (topics) authorize({ principal, action: "subscribe", topics })
  // an asker that is asked about again now and then would not be for its ticket
  const expiresAt = principal.expiresAt < Infinity ? principal.expiresAt : Date.now() + HOUR_MS
  return withTopics({ ...principal, expiresAt }, topics ? grantsFor(topics) : principal.grants.subscribe)
}

function userOf({ topic: topics, userId: [userId] = [], expiresIn: [expiresIn] = [] }: TicketFields): Principal {
  if (!topics || userId === undefined) throw invalid("give `userId` and `topic`")
  const user = {
    name: `user "${shown(userId)}" of a ticket`,
    method: "ticket" as const,
    issuer: "ticket",
    userId,
    expiresAt: Date.now() + (expiresIn === undefined ? HOUR_MS : Number(expiresIn) * 1_000),
    issuedAt: Date.now(),
    isAdmin: false,
  }
  return withTopics(user, grantsFor(topics))
}

const withTopics = (principal: Omit<Principal, "grants">, subscribe: Grants): Principal => ({
  ...principal,
  grants: { publish: Grants.none, subscribe },
})

function grantsFor(topics: readonly string[]): Grants {
  try {
    return new Grants(topics.map(toGrant))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw invalid(`\`topic\`: ${error.message}`)
  }
}
