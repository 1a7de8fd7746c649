import type { IncomingMessage, ServerResponse } from "node:http"
import type { PreparedStream, Subscription } from "onward"
import { sse } from "onward/node"

/** Carries the refusal of a stream through `sse`, which would answer an `OnwardError` itself. */
class Refused extends Error {}

/** As the method of a subscription, so that a stream needs no function of its own. */
function openOrThrow(this: Subscription, ...asked: Parameters<Subscription["open"]>): PreparedStream {
  try {
    return (Object.getPrototypeOf(this) as Subscription).open.apply(this, asked)
  } catch (cause) {
    throw new Refused("", { cause })
  }
}

/** Responds like `sse`, but throws if the stream is refused, so that the hub responds. The limits are checked once. */
export function openStream(
  req: IncomingMessage,
  res: ServerResponse,
  subscription: Subscription,
  options: Parameters<typeof sse<Subscription>>[3],
): void {
  subscription.open = openOrThrow
  try {
    sse(req, res, subscription, options)
  } catch (error) {
    throw error instanceof Refused ? error.cause : error
  }
}
