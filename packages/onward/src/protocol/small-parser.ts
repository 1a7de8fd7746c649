import { OnwardError } from "../errors.ts"
import type { ParserHandlers } from "./block.ts"
import { SMALL_TEXT } from "./cut.ts"

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

/** So many data lines, or pieces of a line, are joined at a time: time is linear, and a million tiny ones take about the memory of their text. */
const MANY = 1024
/** A value shorter than this part of a text beyond `SMALL_TEXT` is copied, or it would keep that text alive. */
const SMALL_PART = 1 / 8

/**
 * A parser for bundles, a quarter the size of `createParser`'s, which is built for speed; the same vectors and random streams hold both
 * to the same answers. WHATWG HTML sections 9.2.5 and 9.2.6, in linear time and bounded memory. `feed` throws what a handler
 * throws, at once, and `OnwardError("event_too_large")`; after either, `reset`.
 */
export function createSmallParser(handlers: ParserHandlers, options: SmallParserOptions = {}): SmallParser {
  const { maxEventChars = 16 * 1024 * 1024 } = options
  let lastEventId = options.lastEventId ?? ""
  let retry: number | undefined
  let decoder: TextDecoder
  /** The line whose end has not come yet, in pieces: joined once, however many there are. */
  let line: string[]
  let lineLength: number
  /** What the next character is dropped for: the byte order mark a stream may begin with, or the LF that belongs to a CR. */
  let skipped: string
  let event: string
  let topic: string
  let id: string | undefined
  let data: string
  let dataLength: number
  let lines: string[]
  /** Values below this length are copied. */
  let small = 0
  /** Another after each reset, for loops to notice one. */
  let life = {}

  function begin(): void {
    event = topic = data = ""
    dataLength = 0
    lines = []
    id = undefined
  }

  function reset(): void {
    life = {}
    // Node's would drop two byte order marks when the first one comes in pieces
    decoder = new TextDecoder("utf-8", { ignoreBOM: true })
    skipped = "\ufeff"
    line = []
    lineLength = 0
    begin()
  }

  function check(length: number): void {
    if (length > maxEventChars)
      throw new OnwardError("event_too_large", `an event is longer than ${maxEventChars}: raise \`maxEventChars\``)
  }

  /** A blank line. All is set for the next block before a handler runs, so that it may throw or reset. */
  function dispatch(): void {
    const hasData = dataLength > 0
    lastEventId = id ?? lastEventId
    const message = {
      event: event || "message",
      data: data + (lines.length === 1 ? lines[0] : lines.join("\n")),
      id: lastEventId,
      ...(topic && { topic }),
    }
    begin()
    if (hasData) handlers.onEvent(message)
  }

  function take(line: string): void {
    const colon = line.indexOf(":")
    const name = colon < 0 ? line : line.slice(0, colon)
    let value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1)
    if (value.length < small) value = (" " + value).slice(1)
    if (name === "data") {
      check((dataLength += value.length + 1))
      if (lines.push(value) < MANY) return
      data += lines.join("\n") + "\n"
      lines = []
    } else if (name === "event") event = value
    else if (name === "topic") topic = value
    else if (name === "id") id = value.includes("\0") ? id : value
    else if (name === "retry" && /^[0-9]+$/.test(value)) retry = Math.min(+value, Number.MAX_SAFE_INTEGER)
    else if (name === "") handlers.onComment?.(value)
  }

  reset()
  return {
    feed(chunk) {
      let text = decoder.decode(chunk, { stream: true })
      if (text !== "") {
        if (text[0] === skipped) text = text.slice(1)
        skipped = ""
      }
      let rest = text
      const hasCr = text.includes("\r")
      if (hasCr || text.includes("\n")) {
        rest = line.join("") + text
        if (hasCr) rest = rest.replaceAll(/\r\n?/g, "\n")
        line = []
        lineLength = 0
        skipped = text.endsWith("\r") ? "\n" : ""
        const mine = life
        small = rest.length > SMALL_TEXT ? rest.length * SMALL_PART : 0
        // one line at a time: to split all at once makes another string of each, and a list of them
        let at = 0
        for (let end; (end = rest.indexOf("\n", at)) >= 0; at = end + 1) {
          if (end === at) dispatch()
          else take(rest.slice(at, end))
          if (mine !== life) return
        }
        rest = rest.slice(at)
      }
      if (rest === "") return
      if (line.push(rest) > MANY) line = [line[0] + line.slice(1).join("")]
      check(dataLength + (lineLength += rest.length))
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
