import type { IncomingMessage, ServerResponse } from "node:http"
import { isPattern, type Hub } from "onward"
import { sse } from "onward/node"
import { authorize, openSession, type Auth, type Principal } from "./auth/index.ts"
import { callerOf } from "./caller.ts"
import { HttpError } from "./http-error.ts"
import { userIdOf } from "./user-id.ts"
import { SECURITY_HEADERS } from "./respond.ts"

/** A request for a stream. */
interface Asked {
  readonly hub: Hub
  readonly auth: Auth | undefined
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly url: URL
  /** Undefined when the hub has no authentication, as `auth` then. */
  readonly principal: Principal | undefined
  /** How long the client waits before it reconnects, in ms. */
  readonly retry: number
}

/** `GET /events?topic=…`: everything published on the topics, from where the client wants it. */
export function events({ hub, auth, req, res, url, principal, retry }: Asked): void {
  const asked = url.searchParams.getAll("topic")
  if (asked.length === 0) {
    throw new HttpError(400, "no_topic", "Say what you want to hear: /events?topic=hello, as often as you like.")
  }
  if (principal) authorize({ principal, action: "subscribe", topics: asked })
  const session = auth && principal && openSession(auth, principal, { topics: asked, res })
  // what a client says of itself counts only where nothing is proven
  const userId = principal ? principal.userId : userIdOf(url)
  const subscription = hub.subscribe({
    topics: asked.filter((selector) => !isPattern(selector)),
    patterns: asked.filter(isPattern),
    limitKey: callerOf(req),
    ...(userId !== undefined && { userId }),
    ...(session && { signal: session.signal }),
  })
  // throws when it is refused, so that the hub answers instead of `sse`
  subscription.open()
  sse(req, res, subscription, { retry, headers: { ...SECURITY_HEADERS, ...session?.headers } })
}
