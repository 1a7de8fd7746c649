import type { IncomingMessage, ServerResponse } from "node:http"
import type { Subscription } from "onward"
import { sse } from "onward/node"

/** Carries the refusal of a stream through `sse`, which would answer an `OnwardError` itself. */
class Refused extends Error {}

/** Responds like `sse`, but throws if the stream is refused, so that the hub responds. The limits are checked once. */
export function openStream(
  req: IncomingMessage,
  res: ServerResponse,
  subscription: Subscription,
  options: Parameters<typeof sse<Subscription>>[3],
): void {
  const open = subscription.open.bind(subscription)
  subscription.open = (asked) => {
    try {
      return open(asked)
    } catch (cause) {
      throw new Refused("", { cause })
    }
  }
  try {
    sse(req, res, subscription, options)
  } catch (error) {
    throw error instanceof Refused ? error.cause : error
  }
}
