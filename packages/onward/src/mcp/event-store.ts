import type { Hub } from "../hub/index.ts"
import type { Log } from "../log/index.ts"
import { OnwardError } from "../errors.ts"
import { checkNames } from "../options.ts"
import { mcpLogOf } from "./mcp-log.ts"
import { createQueue } from "./queue.ts"
import { find, readStream } from "./read.ts"
import { createEventId, logIdOf, messageOf, streamOf, topicOf } from "./record.ts"

/**
 * What the transports of the MCP TypeScript SDK, 1.x and 2.x, take as their `eventStore`. The SDK's optional `getStreamIdForEventId` is
 * left out: with it a transport answers 409 for as long as it holds the old connection, and a server cannot know that a connection has
 * died silently. Without it the newest connection takes the stream over.
 */
export interface EventStore {
  /** Stores a message of a stream; resolves to its event id. @throws OnwardError `log_…` */
  storeEvent(streamId: string, message: object): Promise<string>
  /**
   * Sends what came on the same stream after an event, in order; resolves to the stream's id.
   * @throws OnwardError `invalid_start` for an id that was not given in this session or whose followers are gone, `log_…`
   */
  replayEventsAfter(eventId: string, to: { send(eventId: string, message: object): Promise<void> }): Promise<string>
}

export interface EventStoreOptions {
  /** The session whose messages are stored: the id that `sessionIdGenerator` returns. */
  readonly session: string
}

/**
 * Makes the event store of one session: messages are kept in the log, and a client that lost its connection gets what it missed. Make
 * one for each session's transport; sessions see nothing of each other, whatever ids their clients send.
 * @param from a log, or a hub where others of this process follow what is stored
 * @example
 * const id = randomUUID()
 * new StreamableHTTPServerTransport({ sessionIdGenerator: () => id, eventStore: eventStore(hub, { session: id }) })
 */
export function eventStore(from: Log | Hub, options: EventStoreOptions): EventStore {
  checkNames("eventStore", options, ["session"])
  const topic = topicOf(options.session)
  if (topic === undefined) throw new TypeError("eventStore: `session` must be text of 1 to 252 characters")
  const place = mcpLogOf(from)
  const inOrder = createQueue()

  return {
    async storeEvent(stream, message) {
      const record = { stream, message }
      const eventId = createEventId(record)
      const id = logIdOf(topic, eventId)
      if (id === undefined || stream === "") throw new TypeError("the id of a stream must be one short line of text")
      return inOrder(stream, async () => {
        await place.append([messageOf(topic, id, record)])
        return eventId
      })
    },

    async replayEventsAfter(eventId, to) {
      const position = await find(place, topic, eventId)
      if (position === undefined) throw new OnwardError("invalid_start", "this session has no such event id")
      const stream = streamOf(eventId)
      return inOrder(stream, async () => {
        for (let after = position; ;) {
          const { sent, next } = await readStream(place, topic, stream, after)
          for (const { id, message } of sent) await to.send(id, message)
          if (next === after) return stream
          after = next
        }
      })
    },
  }
}
