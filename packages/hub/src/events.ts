import type { IncomingMessage, ServerResponse } from "node:http"
import { isPattern, type Hub } from "onward"
import { sse } from "onward/node"
import { callerOf } from "./caller.ts"
import { HttpError } from "./http-error.ts"
import { whoOf } from "./who.ts"
import { SECURITY_HEADERS } from "./respond.ts"

/** Sooner than browsers by themselves, in ms: a break should hardly be seen. */
export const RETRY_MS = 1_000

/** `GET /events?topic=…`: everything published on the topics, from where the client wants it. */
export function events(hub: Hub, req: IncomingMessage, res: ServerResponse, url: URL): void {
  const asked = url.searchParams.getAll("topic")
  if (asked.length === 0) {
    throw new HttpError(400, "no_topic", "Say what you want to hear: /events?topic=hello, as often as you like.")
  }
  const who = whoOf(url)
  const subscription = hub.subscribe({
    topics: asked.filter((selector) => !isPattern(selector)),
    patterns: asked.filter(isPattern),
    key: callerOf(req),
    ...(who !== undefined && { who }),
  })
  // throws when it is refused, so that the hub answers instead of `sse`
  subscription.open()
  sse(req, res, subscription, { retry: RETRY_MS, headers: SECURITY_HEADERS })
}
