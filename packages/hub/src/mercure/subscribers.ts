import { randomUUID } from "node:crypto"
import type { ServerResponse } from "node:http"
import type { Hub, Log, Position } from "onward"
import { createAttendance } from "./attendance.ts"
import type { Selector } from "./selectors/selector.ts"
import { announcements, subscriptionsOf, type Subscription } from "./subscription.ts"
import type { MercureToken } from "./tokens.ts"

/** A stream that begins. */
export interface Joining {
  readonly selectors: readonly Selector[]
  readonly token: MercureToken | undefined
  /** The URL of the hub. */
  readonly base: string
  /** Whether it resumes an earlier one. */
  readonly isResuming: boolean
}

/** A stream that is open. */
export interface Member {
  readonly id: string
  readonly subscriptions: readonly Subscription[]
}

/** The subscriptions of all hubs that share the log. */
export interface Subscribers {
  /** Tells of a stream before it begins, and of its end when the response closes. */
  join(res: ServerResponse, joining: Joining): Promise<void>
  /** The streams that are open, and the position in the log up to which that is told. */
  list(): Promise<{ readonly members: readonly Member[]; readonly last: Position }>
  close(): Promise<void>
}

export interface SubscribersOptions {
  readonly hub: Hub
  readonly log: Log
  /** The path of the subscription API. */
  readonly root: string
  /** How long after its end a stream is told as ended, in ms. A client whose token expires reconnects within it. */
  readonly grace: number
  readonly onError: (error: unknown) => void
}

/** Creates the list of subscriptions. Each connect and disconnect is told in private updates. */
export function createSubscribers({ hub, log, root, grace, onError }: SubscribersOptions): Subscribers {
  const told = (active: boolean) => (subscriptions: readonly Subscription[], subscriber: string) =>
    announcements(subscriptions, { subscriber, root, active })
  const attendance = createAttendance<readonly Subscription[]>({
    hub,
    log,
    grace,
    onLeave: ({ id, data }) => told(false)(data, id),
    onError,
  })
  return {
    async join(res, { selectors, token, base, isResuming }) {
      const subscriptions = subscriptionsOf(selectors, token, base)
      let hasLeft = false
      let leave = (): void => {}
      res.once("close", () => {
        hasLeft = true
        leave()
      })
      const joined = await attendance.join({
        id: `urn:uuid:${randomUUID()}`,
        ...identityOf(token, subscriptions),
        data: subscriptions,
        announce: (id) => told(true)(subscriptions, id),
        resumes: isResuming,
      })
      leave = () => joined.leave()
      if (hasLeft) leave()
    },
    async list() {
      const { members, last } = await attendance.list()
      return { members: members.map(({ id, data }) => ({ id, subscriptions: data })), last }
    },
    close: () => attendance.close(),
  }
}

/** The same user with the same subscriptions. */
function identityOf(
  token: MercureToken | undefined,
  subscriptions: readonly Subscription[],
): { readonly identity?: string } {
  const { issuer, userId } = token?.principal ?? {}
  if (userId === undefined) return {}
  const selected = subscriptions.map(({ type, value }) => `${type} ${value}`).sort()
  return {
    identity: JSON.stringify([issuer, userId, selected]),
  }
}
