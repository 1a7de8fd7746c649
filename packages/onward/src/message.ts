import { OnwardError } from "./errors.ts"
import { lossOf } from "./json-loss.ts"
import { kindOf } from "./kind.ts"
import { idFaultOf, isControlWord } from "./event-id.ts"

/** A message to publish. Strings in `data` are sent raw, other values as JSON. */
export interface Message<Data = unknown> {
  /**
   * The name that subscribers ask for: non-empty, at most 1,024 UTF-8 bytes, no control characters, no `*`, no `:name` segment, not
   * starting with `stream.`.
   */
  readonly topic: string
  /** The payload. @default "" */
  readonly data?: Data
  /** The SSE event name; names starting with `stream.` are reserved. @default "message" */
  readonly event?: string
  /**
   * Your own id, sent as the SSE `id`: at most 512 characters that a client can send back unchanged in a header. While its entry is kept, a
   * message with the same id is a repeat and is not stored. Do not reuse it for another message: a client that resumes from it would
   * continue after the newer one. @default the position
   */
  readonly id?: string
  /** Reconnection time for clients, in milliseconds, clamped to 500 to 3,600,000. */
  readonly retry?: number
  /** Idempotency key, not sent to subscribers. While its entry is kept, a message with the same key is a repeat and is not stored. */
  readonly idempotencyKey?: string
  /**
   * More topics of the same message, at most 999. A subscriber that asks for several of its topics receives it once. Id and idempotency key
   * count on `topic`.
   */
  readonly also?: readonly string[]
  /** Delivers the message only to subscriptions whose `may` covers one of its topics. @default every subscription of its topics */
  readonly private?: true
}

/** The fields of a message that a log stores. */
export const MESSAGE_FIELDS: readonly string[] = ["topic", "data", "event", "id", "retry", "idempotencyKey"]

/** A message as logs store it: checked, with its data as text. A log knows neither `also` nor `private`: the hub files such messages. */
export interface StoredMessage extends Omit<Message<string>, "also" | "private"> {
  readonly data: string
}

/** A position in a log: one opaque line that sorts as a string among positions of the same epoch, and is safe in headers and URLs. */
export type Position = string

/** A stored message: message, position and time. */
export interface Entry extends StoredMessage, Pick<Message, "also" | "private"> {
  readonly position: Position
  /** When the log stored it, in milliseconds since 1970. Never smaller than that of an earlier entry. */
  readonly time: number
}

/** An entry whose fields are still set: most have few of them, and spreading the others takes longer than reading a row. */
export type NewEntry = { -readonly [Key in keyof Entry]: Entry[Key] }

/**
 * The entry of a stored message. A copy has room for further members, so the most common entries are written member by member: 64 bytes
 * instead of 104.
 */
export function entryOf(message: StoredMessage, position: Position, time: number): Entry {
  const { topic, event, data, id, idempotencyKey, retry } = message
  if (event === undefined || id !== undefined || idempotencyKey !== undefined || retry !== undefined) {
    return { ...message, position, time }
  }
  return { topic, event, data, position, time }
}

/** The SSE `id` of an entry: the publisher's own when there is one that clients can send back, else the position. */
export const idOf = ({ id, position }: Entry): string => (id === undefined || !isSafe(id) ? position : id)

/** A log can hold ids that were not checked, or by an older rule. An id that clients cannot send back is not sent to them. */
const isSafe = (id: string): boolean => idFaultOf(id) === undefined && !isControlWord(id)

/** Turns a payload into text: strings stay raw, other values become JSON, and undefined becomes the empty string. Throws `invalid_message` for data that JSON loses. */
export function serialize(data: unknown): string {
  if (typeof data === "string") return data
  if (data === undefined) return ""
  let text: string | undefined
  try {
    text = JSON.stringify(data)
  } catch (cause) {
    const told = cause instanceof Error ? cause.message : String(cause)
    if (/BigInt|circular|cyclic/i.test(told)) throw unfit("a BigInt, or refers to itself", cause)
    // a toJSON method or a getter of the data failed
    throw new OnwardError("invalid_message", `\`data\` cannot be turned into JSON: ${told}`, { cause })
  }
  const lost = text === undefined ? kindOf(data) : lossOf(data, text)
  if (lost !== undefined) throw unfit(lost)
  return text
}

function unfit(what: string, cause?: unknown): OnwardError {
  const advice = what.startsWith("a promise") ? "Await it first." : "Pass a string or plain data."
  return new OnwardError("invalid_message", `\`data\` is or holds ${what}, which JSON cannot hold. ${advice}`, {
    cause,
  })
}
