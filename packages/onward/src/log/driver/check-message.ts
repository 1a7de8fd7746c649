import { byteLength } from "../../bytes.ts"
import { OnwardError } from "../../errors.ts"
import { idFaultOf, isControlWord, isOfEventSource, MAX_ID_BYTES } from "../../event-id.ts"
import { parsePosition } from "./position.ts"
import { kindOf } from "../../kind.ts"
import { unknownField } from "../../options.ts"
import { MESSAGE_FIELDS, serialize, type Message, type StoredMessage } from "../../message.ts"
import { checkTopic } from "../../topic.ts"

/** Limits of the reconnection time that a publisher can request with `retry`, in milliseconds. A value outside is set to the nearest limit. */
const MIN_RETRY = 500
const MAX_RETRY = 3_600_000

/**
 * Validates a publisher's message and returns it in the form that logs store. Throws an `OnwardError` that names the invalid field.
 * A valid message cannot end a line early (WHATWG HTML section 9.2.5), look like a control event or a position, or have an id
 * that a client sends back changed (`idFaultOf`). `maxIdBytes` is the longest last event id that this hub accepts.
 * `checkName` checks the topic.
 */
export function checkMessage(
  message: Message,
  maxBytes: number,
  maxIdBytes: number = MAX_ID_BYTES,
  checkName: (topic: string) => void = checkTopic,
): StoredMessage {
  if (typeof message !== "object" || message === null) {
    throw new OnwardError("invalid_message", `A message is an object like { topic, data }, not ${kindOf(message)}.`)
  }
  if (Array.isArray(message)) {
    throw new OnwardError(
      "invalid_message",
      "A message is an object like { topic, data }, not an array. publishMany takes an array.",
    )
  }
  for (const name in message) if (!MESSAGE_FIELDS.includes(name)) throw unknownField(name, MESSAGE_FIELDS)
  const { topic, event, id, retry, idempotencyKey: key } = message
  checkName(topic)
  if (event !== undefined) checkEvent(event)
  if (id !== undefined) checkId(id, Math.min(maxIdBytes, MAX_ID_BYTES))
  if (key !== undefined) checkLine("idempotencyKey", key)
  if (retry !== undefined && !(Number.isSafeInteger(retry) && retry >= 0)) {
    throw new OnwardError("invalid_message", "`retry` must be a whole number of milliseconds, 0 or more")
  }
  const data = serialize(message.data)
  const stored: StoredMessage = {
    topic,
    data,
    ...(event !== undefined && { event }),
    ...(id !== undefined && { id }),
    ...(retry !== undefined && { retry: Math.min(Math.max(retry, MIN_RETRY), MAX_RETRY) }),
    ...(key !== undefined && { idempotencyKey: key }),
  }
  const size = [topic, data, event, id, key].reduce((sum, text) => sum + (text === undefined ? 0 : byteLength(text)), 0)
  if (size > maxBytes) {
    throw new OnwardError(
      "message_too_large",
      `The message has ${size} bytes, and the limit is ${maxBytes}. Send less, or raise limits.messageBytes.`,
    )
  }
  return stored
}

function checkEvent(event: string): void {
  checkLine("event", event)
  if (event.startsWith("stream.")) {
    throw new OnwardError(
      "invalid_message",
      "`event` names that start with `stream.` are reserved. Choose another name.",
    )
  }
  if (isOfEventSource(event)) {
    throw new OnwardError(
      "invalid_message",
      `An event named \`${event}\` would call the on${event} handler of every EventSource. Choose another name.`,
    )
  }
}

function checkId(id: string, maxBytes: number): void {
  checkLine("id", id)
  const fault = idFaultOf(id, maxBytes)
  if (fault !== undefined) throw new OnwardError("invalid_message", `\`id\` ${fault}. Choose another id.`)
  if (isControlWord(id) || parsePosition(id)) {
    throw new OnwardError(
      "invalid_message",
      "`id` is reserved by Onward (a position, `earliest` or `stream.…`). Choose another id.",
    )
  }
}

function checkLine(name: string, value: unknown): void {
  if (typeof value !== "string" || value === "") {
    throw new OnwardError("invalid_message", `\`${name}\` must be a non-empty string`)
  }
  if (value.length > 512) throw new OnwardError("invalid_message", `\`${name}\` must have at most 512 characters`)
  if (/[\r\n\0]/.test(value)) throw new OnwardError("invalid_message", `\`${name}\` must not contain CR, LF or NUL`)
  if (!value.isWellFormed()) throw new OnwardError("invalid_message", `\`${name}\` contains half a surrogate pair`)
}
