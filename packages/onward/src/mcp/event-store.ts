import type { Hub } from "../hub/index.ts"
import type { Log } from "../log/index.ts"
import { OnwardError } from "../errors.ts"
import { checkNames } from "../options.ts"
import { mcpLogOf } from "./mcp-log.ts"
import { createQueue } from "./queue.ts"
import { find, readStream } from "./read.ts"
import { createEventId, logIdOf, messageOf, streamOf, topicOf } from "./record.ts"

/**
 * An `eventStore` for the transports of the MCP TypeScript SDK 1.x and 2.x. It omits the SDK's optional `getStreamIdForEventId`, with which a
 * transport answers 409 while it holds the old connection, because a server cannot detect a silently lost connection. Without it the newest
 * connection takes over the stream.
 */
export interface EventStore {
  /** Stores a message of a stream, and resolves to its event id. @throws OnwardError `log_…` */
  storeEvent(streamId: string, message: object): Promise<string>
  /**
   * Sends the messages of the same stream after an event, in order, and resolves to the stream's id.
   * @throws OnwardError `invalid_start` for an id of another session, or if later messages were removed by retention; `log_…`
   */
  replayEventsAfter(eventId: string, to: { send(eventId: string, message: object): Promise<void> }): Promise<string>
}

export interface EventStoreOptions {
  /** The session whose messages are stored: the id that `sessionIdGenerator` returns. */
  readonly session: string
}

/**
 * Makes the event store of one session. It stores messages in the log, so that a client that reconnects gets those it missed. Make one for
 * each session's transport. Sessions are separate: an event id of another session is refused.
 * @param from a log, or a hub if other parts of this process read the log, too
 * @example
 * const id = randomUUID()
 * new StreamableHTTPServerTransport({ sessionIdGenerator: () => id, eventStore: eventStore(hub, { session: id }) })
 */
export function eventStore(from: Log | Hub, options: EventStoreOptions): EventStore {
  checkNames("eventStore", options, ["session"])
  const topic = topicOf(options.session)
  if (topic === undefined)
    throw new TypeError(
      "eventStore: `session` must be text of 1 to 252 characters. Pass the id that `sessionIdGenerator` returns.",
    )
  const mcpLog = mcpLogOf(from)
  const inOrder = createQueue()

  return {
    async storeEvent(stream, message) {
      const record = { stream, message }
      const eventId = createEventId(record)
      const id = logIdOf(topic, eventId)
      if (id === undefined || stream === "")
        throw new TypeError("eventStore: the id of a stream must be one short line of text. Use another id.")
      return inOrder(stream, async () => {
        await mcpLog.append([messageOf(topic, id, record)])
        return eventId
      })
    },

    async replayEventsAfter(eventId, to) {
      const position = await find(mcpLog, topic, eventId)
      if (position === undefined)
        throw new OnwardError(
          "invalid_start",
          "The event id is unknown in this session. Start a new request without it.",
        )
      const stream = streamOf(eventId)
      return inOrder(stream, async () => {
        for (let after = position; ;) {
          const { sent, next } = await readStream(mcpLog, topic, stream, after)
          for (const { id, message } of sent) await to.send(id, message)
          if (next === after) return stream
          after = next
        }
      })
    },
  }
}
