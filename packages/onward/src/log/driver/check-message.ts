import { byteLength } from "../../bytes.ts"
import { OnwardError } from "../../errors.ts"
import { idFaultOf, isControlWord, isOfEventSource, MAX_ID_BYTES } from "../../event-id.ts"
import { parsePosition } from "./position.ts"
import { kindOf } from "../../kind.ts"
import { unknownField } from "../../options.ts"
import { serialize, type Message, type StoredMessage } from "../../message.ts"
import { checkTopic } from "../../topic.ts"

const FIELDS = ["topic", "data", "event", "id", "retry", "idempotencyKey"]

/** What a publisher may ask of its subscribers as reconnection time, in milliseconds: a smaller or larger `retry` becomes the nearest. */
const MIN_RETRY = 500
const MAX_RETRY = 3_600_000

/**
 * Turns what a publisher gave into what a log takes, or throws `OnwardError` saying which field is wrong: nothing that
 * passes can end a line early (WHATWG HTML section 9.2.5), look like a control event, pose as a position, or come back from
 * a client as another id than was sent (`idFaultOf`). `maxIdBytes` is the longest cursor that a client of this hub may send.
 */
export function checkMessage(message: Message, maxBytes: number, maxIdBytes: number = MAX_ID_BYTES): StoredMessage {
  if (typeof message !== "object" || message === null) {
    throw new OnwardError("invalid_message", `A message is an object like { topic, data }, not ${kindOf(message)}.`)
  }
  for (const name in message) if (!FIELDS.includes(name)) throw unknownField(name, FIELDS)
  const { topic, event, id, retry, idempotencyKey: key } = message
  checkTopic(topic)
  if (event !== undefined) checkEvent(event)
  if (id !== undefined) checkId(id, Math.min(maxIdBytes, MAX_ID_BYTES))
  if (key !== undefined) checkLine("idempotencyKey", key)
  if (retry !== undefined && !(Number.isSafeInteger(retry) && retry >= 0)) {
    throw new OnwardError("invalid_message", "`retry` must be a whole number of milliseconds from 0 up")
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
      `the message has ${size} bytes, the limit is ${maxBytes}: send less, or raise limits.messageBytes`,
    )
  }
  return stored
}

function checkEvent(event: string): void {
  checkLine("event", event)
  if (event.startsWith("stream.")) {
    throw new OnwardError("invalid_message", "`event` names starting with `stream.` are reserved: choose another name")
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
      "`id` has a meaning of its own in Onward (a position, `earliest` or `stream.…`). Choose another id.",
    )
  }
}

function checkLine(name: string, value: unknown): void {
  if (typeof value !== "string" || value === "") {
    throw new OnwardError("invalid_message", `\`${name}\` must be a non-empty string`)
  }
  if (value.length > 512) throw new OnwardError("invalid_message", `\`${name}\` may be 512 characters long at most`)
  if (/[\r\n\0]/.test(value)) throw new OnwardError("invalid_message", `\`${name}\` cannot hold CR, LF or NUL`)
  if (!value.isWellFormed()) throw new OnwardError("invalid_message", `\`${name}\` holds half a surrogate pair`)
}
