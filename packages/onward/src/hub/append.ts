import { OnwardError } from "../errors.ts"
import type { Appended } from "../log/index.ts"
import type { StoredMessage } from "../message.ts"
import type { ReaderContext } from "./hub-context.ts"
import type { Tail } from "./tail.ts"

/** Appends checked messages to the log, and delivers them in this process. */
export async function appendTo(
  context: ReaderContext & { readonly tail: Tail },
  messages: readonly StoredMessage[],
): Promise<Appended> {
  const { log, tail } = context
  try {
    if (context.isClosed) throw closed()
    // a stream that was live before this append must receive it, so the tail must know where it began
    if (!tail.isReady) {
      await log.bounds() // an unavailable store fails this append, instead of delaying it
      await tail.ready
    }
    const appended = await log.append(messages)
    tail.appended(messages, appended)
    return appended
  } catch (error) {
    throw context.isClosed ? closed(error) : error
  }
}

/** The error of calls after `close`. */
export const closed = (cause?: unknown): OnwardError =>
  new OnwardError("hub_closed", "The hub is closed. Nothing was published.", { cause })
