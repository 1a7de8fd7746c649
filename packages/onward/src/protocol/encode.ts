import { OnwardError } from "../errors.ts"
import { serialize } from "../message.ts"
import { unknownField } from "../options.ts"

/** One block of an event stream, before it is text. */
export interface WireMessage {
  /** The payload: strings raw, everything else as JSON. Absent, the message is a checkpoint. CRLF and CR arrive as LF. */
  readonly data?: unknown
  /** The event type; "" and "message" are the same to a reader. Needs `data`. No CR, LF, NUL or lone surrogate. */
  readonly event?: string | undefined
  /** The topic of the event, for Onward's client; other clients ignore it. Needs `data`. No CR, LF, NUL or lone surrogate. */
  readonly topic?: string | undefined
  /** The last event id for readers; "" takes it back. No CR, LF, NUL or lone surrogate. */
  readonly id?: string | undefined
  /** Reconnection time in whole milliseconds. */
  readonly retry?: number | undefined
  /** Text for people reading the stream; readers skip it. */
  readonly comment?: string | undefined
}

/**
 * The event name of blocks that only move the last event id or the reconnection time. The standard dispatches nothing for a block without
 * data, but Firefox and WebKit drop its id, and many clients deliver it as a message whose data is empty.
 */
export const CHECKPOINT = "stream.checkpoint"

const FIELDS = ["data", "event", "topic", "id", "retry", "comment"]

/** Up to here a loop over the characters is faster than four searches by the platform. */
const SHORT = 48

/** The last event name found good: streams use few, so most are not looked at twice. */
let goodName = ""

/**
 * Writes one block of an event stream, ended by its blank line: WHATWG HTML section 9.2.5, lines ended by LF, data last.
 * No field can end a line early: in `data` and `comment` each line gets its own line of the stream, in `event` and `id` line
 * ends are refused, and so is what readers would ignore (NUL in an id, an event without data). Lone surrogates in `data`
 * and `comment` become U+FFFD when the text becomes bytes.
 *
 * Every block has data: a message with only `id` or `retry` is written as a checkpoint, `event: stream.checkpoint` with `data: {}`. A message
 * with only a comment is no block, so no blank line follows it.
 * Throws `OnwardError("invalid_message")`.
 *
 * @example
 * encode({ event: "tick", id: "7", data: { price: 12.5 } }) // 'event: tick\nid: 7\ndata: {"price":12.5}\n\n'
 * encode({ id: "7" }) // 'event: stream.checkpoint\nid: 7\ndata: {}\n\n'
 */
export function encode(message: WireMessage): string {
  for (const name in message) if (!FIELDS.includes(name)) throw unknownField(name, FIELDS)
  return encodeBlock(message)
}

/** As `encode`, without a check for unknown fields. */
export function encodeBlock(message: WireMessage): string {
  const { event, topic, id, retry, data, comment } = message
  let head = ""
  if (comment !== undefined) head = encodeComment(comment)
  if (event !== undefined && event !== "") {
    if (event !== goodName) {
      checkLine(event, "event")
      goodName = event
    }
    if (data === undefined) throw invalid('an event without data is never dispatched: give `data: ""`')
    head += "event: " + event + "\n"
  } else if (data === undefined) {
    if (id === undefined && retry === undefined) {
      if (head === "") throw invalid("there is nothing to send: give `data`, `id`, `retry` or `comment`")
      return head
    }
    head += "event: " + CHECKPOINT + "\n"
  }
  if (topic !== undefined && data !== undefined) {
    checkLine(topic, "topic")
    head += "topic: " + topic + "\n"
  }
  if (retry !== undefined) head += encodeRetry(retry)
  if (id !== undefined) {
    if (id !== "") checkLine(id, "id")
    head += "id: " + id + "\n"
  }
  if (data === undefined) return head + "data: {}\n\n"
  return head + "data: " + (typeof data === "string" ? splitLines(data, "data: ") : serialize(data)) + "\n\n"
}

/**
 * Writes comment lines, which readers skip: a heartbeat, padding for proxies, a note for `curl`. There is no blank line after
 * them, none is needed between blocks. Throws `OnwardError("invalid_message")` unless `text` is a string.
 */
export function encodeComment(text: string): string {
  if (typeof text !== "string") throw invalid("a comment must be a string")
  return ": " + splitLines(text, ": ") + "\n"
}

/**
 * Writes a reconnection time as a line of the block that follows. Readers apply it when they have read the line. Throws
 * `OnwardError("invalid_message")` unless `retry` is a whole number of milliseconds, 0 or more.
 */
export function encodeRetry(retry: number): string {
  if (!Number.isSafeInteger(retry) || retry < 0)
    throw invalid("`retry` must be a whole number of milliseconds, 0 or more")
  return "retry: " + retry + "\n"
}

/** Begins each further line of `text` with `prefix`. JSON needs no such thing: it never holds a raw line end. */
function splitLines(text: string, prefix: string): string {
  if (text.indexOf("\r") !== -1) return text.replace(/\r\n|\r|\n/g, "\n" + prefix)
  return text.indexOf("\n") === -1 ? text : text.replaceAll("\n", "\n" + prefix)
}

function checkLine(text: unknown, field: "event" | "id" | "topic"): void {
  if (typeof text !== "string") throw invalid(`\`${field}\` must be a string`)
  if (isLine(text)) return
  throw invalid(`\`${field}\` cannot hold CR, LF, NUL or half a surrogate pair: remove them`)
}

function isLine(text: string): boolean {
  if (text.length <= SHORT) {
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 13 && unit < 0xd800) continue
      if (unit === 10 || unit === 13 || unit === 0) return false
      if (unit >= 0xd800 && unit < 0xe000) return isLongLine(text)
    }
    return true
  }
  return isLongLine(text)
}

const isLongLine = (text: string): boolean =>
  text.indexOf("\n") === -1 && text.indexOf("\r") === -1 && text.indexOf("\0") === -1 && text.isWellFormed()

const invalid = (message: string): OnwardError => new OnwardError("invalid_message", message)
