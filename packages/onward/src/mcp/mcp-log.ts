import { createHub, followTopic, internalsOf, type Hub, type TopicReceiver } from "../hub/index.ts"
import type { Appended, Log } from "../log/index.ts"
import type { Position, StoredMessage } from "../message.ts"

/** The entries of one topic, on their way to a receiver. */
export interface McpFollowed {
  /** The receiver has room again. */
  resume(): void
  /** Resolves when the log is no longer used. */
  stop(): Promise<void>
}

/** Where messages are stored, and how new ones are followed. */
export interface McpLog {
  readonly log: Log
  append(messages: readonly StoredMessage[]): Promise<Appended>
  follow(topic: string, after: Position, receiver: TopicReceiver): McpFollowed
}

/** Accepts a log or a hub. A hub reads its log once for the whole process; for a log, all streams share a hub while there is one. */
export function mcpLogOf(from: Log | Hub): McpLog {
  if (typeof from === "object" && from !== null && "read" in from) {
    return {
      log: from,
      append: (messages) => from.append(messages),
      follow(topic, after, receiver) {
        const shared = acquireHub(from)
        const followed = followTopic(internalsOf(shared.hub), topic, { after }, receiver)
        return {
          resume: () => followed.resume(),
          async stop() {
            followed.stop()
            await releaseHub(from, shared)
          },
        }
      },
    }
  }
  const internals = internalsOf(from)
  return {
    log: internals.context.log,
    append: (messages) => internals.append(messages),
    follow(topic, after, receiver) {
      const followed = followTopic(internals, topic, { after }, receiver)
      return { resume: () => followed.resume(), stop: async () => followed.stop() }
    },
  }
}

/** A log's hub, and how many streams use it. */
interface SharedHub {
  readonly hub: Hub
  users: number
}

const hubs = new WeakMap<Log, SharedHub>()

function acquireHub(log: Log): SharedHub {
  const shared = hubs.get(log) ?? {
    hub: createHub({ log: withoutClose(log), window: { maxEntries: 1_000 } }),
    users: 0,
  }
  shared.users++
  hubs.set(log, shared)
  return shared
}

async function releaseHub(log: Log, shared: SharedHub): Promise<void> {
  if (--shared.users > 0) return
  hubs.delete(log)
  await shared.hub.close()
}

/** The log belongs to the caller, so the hub must not close it. */
const withoutClose = (log: Log): Log => ({
  append: (messages) => log.append(messages),
  read: (query) => log.read(query),
  bounds: () => log.bounds(),
  locate: (landmark) => log.locate(landmark),
  watch: (wake) => log.watch(wake),
  close: async () => {},
})
