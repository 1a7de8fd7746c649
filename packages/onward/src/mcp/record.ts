import { idFaultOf } from "../event-id.ts"
import type { Entry, StoredMessage } from "../message.ts"
import { MAX_TOPIC_BYTES } from "../topic.ts"

/** What the log keeps of a message: the stream it belongs to, under the topic of its session. */
export interface McpRecord {
  readonly stream: string
  readonly message: object
}

/**
 * What the topics of sessions begin with; the session's id becomes one segment. Topics that begin with `stream.` are reserved, so
 * `hub.publish` and `hub.subscribe` refuse them.
 */
const PREFIX = "stream.mcp/"
/** Longest id of a message in the log, in bytes. */
const MAX_ID = 512
const MARK_LENGTH = 37

/** The topic of a session; undefined when text cannot be a session's id. */
export function topicOf(session: string): string | undefined {
  if (session === "" || !session.isWellFormed()) return undefined
  const topic = PREFIX + encodeURIComponent(session).replaceAll("*", "%2A")
  return topic.length <= Math.min(MAX_TOPIC_BYTES, MAX_ID / 2) ? topic : undefined
}

/**
 * A new event id. It says which stream it is of, as the specification asks for, and whether it is that of a response (`r`), after which
 * nothing is to be waited for. The log knows it together with the session's topic, so it means nothing in another session.
 */
export function createEventId({ stream, message }: McpRecord): string {
  return `${isResponse(message) ? "r" : "m"}${crypto.randomUUID()}/${stream}`
}

/** The stream an event id names. Proves nothing: ask the log whether it gave that id. */
export const streamOf = (eventId: string): string => eventId.slice(MARK_LENGTH + 1)

export const isIdOfResponse = (eventId: string): boolean => eventId.startsWith("r")

/** The id under which the log finds an event; undefined when text cannot be an event's id. */
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
 * The message in an entry; undefined for anything else. Only `eventStore` writes on these topics, but a store can be damaged, edited by
 * hand or written by another version, so nothing is used unread.
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

/** A JSON-RPC response, result or error, which is the last that a request's stream carries (JSON-RPC 2.0 section 5). */
export const isResponse = (message: object): boolean =>
  "id" in message && !("method" in message) && ("result" in message || "error" in message)

/** The SDK stores an empty object to get an id with which a client can come back before there is a message. It is none. */
export const isPriming = (message: object): boolean => !("jsonrpc" in message)
