import { hash, randomUUID } from "node:crypto"
import type { ServerResponse } from "node:http"
import type { Hub, Message, Position } from "onward"
import { createAttendance } from "onward/attendance"
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
  /** The path of the subscription API. */
  readonly root: string
  /** How long after its end a stream is told as ended, in ms. A client whose token expires reconnects within it. */
  readonly grace: number
  readonly observer?: SubscribersObserver | undefined
}

/** Is told of the subscriptions of this process, for metrics. */
export interface SubscribersObserver {
  /** A stream with subscriptions opened, or ended. */
  onSubscriber(change: 1 | -1): void
  /** Subscription events were published: `active` when the stream opened, else because it ended. */
  onSubscriptionEvents(count: number, active: boolean): void
}

/** Creates the list of subscriptions. Each connect and disconnect is told in private updates. */
export function createSubscribers({ hub, root, grace, observer }: SubscribersOptions): Subscribers {
  const told = (subscriber: string, data: unknown, active: boolean): Message[] =>
    announcements(data as readonly Subscription[], { subscriber, root, active })
  const attendance = createAttendance(hub, {
    name: "mercure",
    grace,
    onLeave({ id, data }) {
      const events = told(id, data, false)
      observer?.onSubscriptionEvents(events.length, false)
      return events
    },
  })
  return {
    async join(res, { selectors, token, base, isResuming }) {
      const data = subscriptionsOf(selectors, token, base)
      let hasLeft = false
      let leave = (): void => {}
      res.once("close", () => {
        hasLeft = true
        leave()
      })
      const id = `urn:uuid:${randomUUID()}`
      const identity = identityOf(token, data)
      const announce = told(id, data, true)
      const joined = await attendance.join({
        id,
        data,
        ...(identity !== undefined && { identity, returns: isResuming }),
        announce,
      })
      observer?.onSubscriber(1)
      if (!joined.isBack) observer?.onSubscriptionEvents(announce.length, true)
      leave = () => {
        observer?.onSubscriber(-1)
        joined.leave()
      }
      if (hasLeft) leave()
    },
    async list() {
      const { members, last } = await attendance.list()
      return { members: members.map(({ id, data }) => ({ id, subscriptions: data as readonly Subscription[] })), last }
    },
    close: () => attendance.close(),
  }
}

/** The same user with the same subscriptions. */
function identityOf(token: MercureToken | undefined, subscriptions: readonly Subscription[]): string | undefined {
  const { issuer, userId } = token?.principal ?? {}
  if (userId === undefined) return undefined
  const selected = subscriptions.map(({ type, value }) => `${type} ${value}`).sort()
  // as a hash, because it is written to the log
  return hash("sha256", JSON.stringify([issuer, userId, selected]), "base64url")
}
