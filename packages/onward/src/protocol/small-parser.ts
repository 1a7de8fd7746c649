import { OnwardError } from "../errors.ts"
import type { ParsedEvent, ParserHandlers } from "./block.ts"

export interface SmallParserOptions {
  /** The longest event, in UTF-16 units: its data so far plus the line being read. @default 16 Mi */
  readonly maxEventChars?: number | undefined
  /** The last event id to begin with. @default "" */
  readonly lastEventId?: string | undefined
}

/** What `createSmallParser` makes: a `Parser` of bytes that is made ready again by `reset` alone. */
export interface SmallParser {
  feed(chunk: Uint8Array): void
  /** Ready for a new stream: drops what was not finished; `lastEventId` and `retry` stay. A handler may call it. */
  reset(): void
  readonly lastEventId: string
  readonly retry: number | undefined
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const COLON = 0x3a
const D = 0x64
const I = 0x69

/** So many data lines, or pieces of a line, are joined at a time: time is linear, and a million tiny ones take about the memory of their text. */
const MANY = 1024
/** Small events are decoded about so many characters at a time, because a kept value keeps the text alive that it was cut from. */
const STRETCH = 4_096
/** Text for at least so many events is decoded at a time, so that larger events are not slower. */
const EVENTS = 6
/** A value is copied if its text is longer than `2 * STRETCH` and more than so many times as long as the value. */
const SHARE = 16

/**
 * A parser for bundles, a third the size of `createParser`'s: docs/benchmarks.md says why there are two. The same vectors and random streams
 * test both. WHATWG HTML sections 9.2.5 and 9.2.6, in linear time and bounded memory. `feed` throws what a handler throws, at once, and
 * `OnwardError("event_too_large")`; after either, `reset`.
 */
export function createSmallParser(
  { onEvent, onComment }: ParserHandlers,
  { maxEventChars = 16 * 1024 * 1024, lastEventId = "" }: SmallParserOptions = {},
): SmallParser {
  let retry: number | undefined
  let decoder: TextDecoder
  /** The last byte was not ASCII: the decoder may hold the start of a character. */
  let isMidCharacter: boolean
  /** The line whose end has not come yet, in pieces: joined once, however many there are. */
  let held: string[]
  let heldLength: number
  /** What the next character is dropped for: the byte order mark a stream may begin with, or the LF that belongs to a CR. */
  let skipped: string
  /** No field was set since the last blank line. */
  let isFresh: boolean
  let event: string
  let topic: string
  let id: string
  /** The data lines so far, in two parts: `lines` has the newest, at most `MANY`. */
  let data: string
  let lines: string
  let count: number
  let dataLength: number
  /** How many events the last stretch has, and how many bytes the next one has. */
  let events = 0
  let stretch = STRETCH
  let isAscii = true
  /** Another after each reset, for loops to notice one. */
  let life = {}

  function reset(): void {
    life = {}
    // Node's would drop two byte order marks when the first one comes in pieces
    decoder = new TextDecoder("utf-8", { ignoreBOM: true })
    isMidCharacter = false
    skipped = "\ufeff"
    held = []
    heldLength = 0
    id = lastEventId
    clear()
  }

  function check(length: number): void {
    if (length > maxEventChars)
      throw new OnwardError("event_too_large", `an event is longer than ${maxEventChars}: raise \`maxEventChars\``)
  }

  function clear(): void {
    isFresh = true
    event = topic = data = lines = ""
    dataLength = count = 0
  }

  /** A blank line. All is set for the next block before a handler runs, so that it may throw or reset. */
  function dispatch(): void {
    if (isFresh) return
    lastEventId = id
    if (dataLength === 0) return clear()
    const message: Writable<ParsedEvent> = { event: event || "message", data: data + lines, id }
    if (topic) message.topic = topic
    clear()
    events++
    onEvent(message)
  }

  function takeData(value: string): void {
    isFresh = false
    lines = dataLength > 0 ? lines + "\n" + value : value
    // a string of a million parts would take many times its length
    if (++count % MANY === 0) {
      data += copy(lines)
      lines = ""
    }
    check((dataLength += value.length + 1))
  }

  /** The value whose colon is at `colon`: one space is not part of it. It is copied if it would keep much more text alive. */
  function cut(text: string, colon: number, end: number): string {
    const start = text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1
    const value = text.slice(start, end)
    return end - start < (text.length - 2 * STRETCH) / SHARE ? copy(value) : value
  }

  /** Takes a line that is not `data:`. Where a name is compared beyond a short line, its line end matches no name. */
  function take(text: string, at: number, end: number): void {
    const first = text.charCodeAt(at)
    const colon = first === COLON ? at : first === I ? at + 2 : first === D ? at + 4 : at + 5
    if (colon !== end && text.charCodeAt(colon) !== COLON) return
    if (colon === at) return onComment?.(cut(text, at, end))
    const value = cut(text, colon, end)
    isFresh = false
    if (text.startsWith("id", at)) {
      if (!value.includes("\0")) id = value
    } else if (text.startsWith("eve", at) && text.startsWith("nt", at + 3)) event = value
    else if (text.startsWith("data", at)) takeData(value)
    else if (text.startsWith("topic", at)) topic = value
    else if (text.startsWith("retry", at) && /^\d+$/.test(value)) retry = Math.min(+value, Number.MAX_SAFE_INTEGER)
  }

  /** Takes the whole lines of `text`, and returns where the rest begins. */
  function read(text: string): number {
    const mine = life
    const { length } = text
    let at = text[0] === skipped ? 1 : 0
    skipped = ""
    let lf = -1
    let cr = -1
    while (at < length) {
      let end = at
      const first = text.charCodeAt(at)
      if (first === LF || first === CR) dispatch()
      else {
        if (lf < at) lf = find(text, "\n", at)
        if (cr < at) cr = find(text, "\r", at)
        end = lf < cr ? lf : cr
        if (end > length) break
        if (text.startsWith("dat", at) && text.startsWith("a:", at + 3)) {
          const value = cut(text, at + 4, end)
          // nearly every event there is: one line of data and a blank one
          if (isFresh && end === lf && text.charCodeAt(end + 1) === LF) {
            check(value.length + 1)
            events++
            end++
            onEvent({ event: "message", data: value, id: lastEventId })
          } else takeData(value)
        } else take(text, at, end)
      }
      if (mine !== life) return at
      at = end + 1
      if (text.charCodeAt(end) === CR) {
        if (at === length) skipped = "\n"
        else if (text.charCodeAt(at) === LF) at++
      }
    }
    return at
  }

  function hold(text: string): void {
    if (held.push(text) > MANY) held = [held.shift() + held.join("")]
    check(dataLength + (heldLength += text.length))
  }

  reset()
  return {
    feed(chunk) {
      const mine = life
      const { length } = chunk
      for (let from = 0, to; from < length; from = to) {
        to = from + stretch
        if (to < length && !isAscii) to = chunk.lastIndexOf(LF, to - 1) + 1
        if (to <= from || to > length) to = length
        const bytes = to - from
        const part = bytes < length ? chunk.subarray(from, to) : chunk
        const wasMidCharacter = isMidCharacter
        isMidCharacter = (part[bytes - 1] as number) > 0x7f
        // Node decodes faster when `stream` is false
        let text = decoder.decode(part, { stream: isMidCharacter })
        const units = text.length
        if (!units) continue
        isAscii = !wasMidCharacter && units === bytes
        if (heldLength > 0) {
          if (find(text, "\n", 0) === find(text, "\r", 0)) {
            hold(text)
            continue
          }
          held.push(text)
          text = held.join("")
          held = []
          heldLength = 0
        }
        events = 0
        const at = read(text)
        if (mine !== life) return
        const rest = text.length - at
        // of ASCII, the start of a line is decoded again with its end, which is faster than joining both
        if (to < length && isAscii && at > 0) to -= rest
        else if (rest > 0) hold(text.slice(at))
        stretch = Math.ceil(bytes * Math.max(STRETCH / units, EVENTS / (events || 1)))
      }
    },
    reset,
    get lastEventId() {
      return lastEventId
    },
    get retry() {
      return retry
    },
  }
}

/** First place of `what` at or after `from`, else a number beyond each place: all bits of -1 that a small integer can have. */
const find = (text: string, what: string, from: number): number => text.indexOf(what, from) & 0x3fffffff

/** The concatenation makes the copy: it has to be laid out before it can be sliced. */
const copy = (text: string): string => ` ${text}`.slice(1)
