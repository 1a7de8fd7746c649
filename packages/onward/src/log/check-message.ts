import { byteLength } from "../bytes.ts"
import { OnwardError } from "../errors.ts"
import { parsePosition } from "./position.ts"
import { serialize, type Message, type StoredMessage } from "../message.ts"
import { checkTopic } from "../topic.ts"

const FIELDS: ReadonlySet<string> = new Set(["topic", "data", "event", "id", "retry", "key"])

/**
 * Turns what a publisher gave into what a log takes, or throws `OnwardError` saying which field is wrong: nothing that
 * passes can end a line early (WHATWG HTML section 9.2.5), look like a control event, or pose as a position.
 */
export function checkMessage(message: Message, maxBytes: number): StoredMessage {
  for (const name in message) {
    if (!FIELDS.has(name)) {
      throw new OnwardError("invalid_message", `a message has no field "${name}"; there are ${[...FIELDS].join(", ")}`)
    }
  }
  const { topic, event, id, retry, key } = message
  checkTopic(topic)
  if (event !== undefined) checkEvent(event)
  if (id !== undefined) checkId(id)
  if (key !== undefined) checkLine("key", key)
  if (retry !== undefined && !(Number.isSafeInteger(retry) && retry >= 0)) {
    throw new OnwardError("invalid_message", "`retry` must be a whole number of milliseconds from 0 up")
  }
  const data = serialize(message.data)
  const stored: StoredMessage = {
    topic,
    data,
    ...(event !== undefined && { event }),
    ...(id !== undefined && { id }),
    ...(retry !== undefined && { retry }),
    ...(key !== undefined && { key }),
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
}

function checkId(id: string): void {
  checkLine("id", id)
  if (id === "earliest" || id.startsWith("stream.") || parsePosition(id)) {
    throw new OnwardError(
      "invalid_message",
      "`id` has a meaning of its own in Onward (a position, `earliest` or `stream.…`): choose another",
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
