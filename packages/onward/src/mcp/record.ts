import { idFaultOf } from "../event-id.ts"
import type { Entry, StoredMessage } from "../message.ts"
import { MAX_TOPIC_BYTES } from "../topic.ts"

/** A message in the log, with its stream. It is stored on the topic of its session. */
export interface McpRecord {
  readonly stream: string
  readonly message: object
}

/**
 * The prefix of the topics of sessions, which is followed by the session's id as one segment. Topics that begin with `stream.` are reserved:
 * `hub.publish` and `hub.subscribe` refuse them.
 */
const PREFIX = "stream.mcp/"
/** Maximum length of a message's id in the log, in bytes. */
const MAX_ID = 512
const MARK_LENGTH = 37

/** The topic of a session; undefined for an invalid session id. */
export function topicOf(session: string): string | undefined {
  if (session === "" || !session.isWellFormed()) return undefined
  const topic = PREFIX + encodeURIComponent(session).replaceAll("*", "%2A")
  return topic.length <= Math.min(MAX_TOPIC_BYTES, MAX_ID / 2) ? topic : undefined
}

/**
 * Makes an event id. The specification requires that it contains the stream; it also tells whether the message is a response (`r`), after which no
 * message follows. The log stores it together with the session's topic, so it is invalid in another session.
 */
export function createEventId({ stream, message }: McpRecord): string {
  return `${isResponse(message) ? "r" : "m"}${crypto.randomUUID()}/${stream}`
}

/** The stream in an event id. It is not trustworthy before the log has found the id. */
export const streamOf = (eventId: string): string => eventId.slice(MARK_LENGTH + 1)

export const isIdOfResponse = (eventId: string): boolean => eventId.startsWith("r")

/** The id of an event in the log; undefined for an invalid event id. */
export function logIdOf(topic: string, eventId: string): string | undefined {
  const id = `${topic}/${eventId}`
  return idFaultOf(id, MAX_ID) === undefined ? id : undefined
}

export const messageOf = (topic: string, id: string, record: McpRecord): StoredMessage => ({
  topic,
  id,
  data: JSON.stringify(record),
})

/**
 * The message in an entry; undefined for other entries. Only `eventStore` writes to these topics, but a store can be damaged, edited by hand
 * or written by another version, so each entry is checked.
 */
export function recordOf(
  topic: string,
  { id, data }: Pick<Entry, "id" | "data">,
): (McpRecord & { readonly id: string }) | undefined {
  if (!id?.startsWith(`${topic}/`)) return undefined
  try {
    const { stream, message } = JSON.parse(data) as { readonly stream?: unknown; readonly message?: unknown }
    if (typeof stream !== "string" || typeof message !== "object" || message === null || Array.isArray(message)) {
      return undefined
    }
    return { id: id.slice(topic.length + 1), stream, message }
  } catch {
    return undefined
  }
}

/** Whether a message is a JSON-RPC response, which is the last message of a request's stream (JSON-RPC 2.0 section 5). */
export const isResponse = (message: object): boolean =>
  "id" in message && !("method" in message) && ("result" in message || "error" in message)

/** Whether it is the SDK's empty object, stored to get an id with which a client can reconnect before the first message. */
export const isPriming = (message: object): boolean => !("jsonrpc" in message)
