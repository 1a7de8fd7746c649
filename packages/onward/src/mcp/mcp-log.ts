import { internalsOf, type Hub } from "../hub/index.ts"
import type { Appended, Log } from "../log/index.ts"
import type { StoredMessage } from "../message.ts"

/** The log of messages, with notifications of new ones. */
export interface McpLog {
  readonly log: Log
  append(messages: readonly StoredMessage[]): Promise<Appended>
  /** Calls `wake` when `topic` may have new messages; resolves to the undo. */
  watch(topic: string, wake: () => void): Promise<() => void>
}

/** The log of a log or a hub. A hub tails its log once for all readers of this process. */
export function mcpLogOf(from: Log | Hub): McpLog {
  if (typeof from === "object" && from !== null && "read" in from) {
    return {
      log: from,
      append: (messages) => from.append(messages),
      async watch(_, wake) {
        const unwatch = await from.watch(wake)
        return () => void unwatch().catch(() => {})
      },
    }
  }
  const internals = internalsOf(from)
  const { context } = internals
  return {
    log: context.log,
    append: (messages) => internals.append(messages),
    async watch(topic, wake) {
      await context.tail.ready
      return context.tailListeners.add({ onEntry: wake, onInterrupt: wake }, topic)
    },
  }
}
