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

const LF = 0x0a
const SPACE = 0x20

/** So many data lines, or pieces of a line, are joined at a time: time is linear, and a million tiny ones take about the memory of their text. */
const MANY = 1024
/** Data lines that are added to the data one by one. */
const FEW = 16
/** Chunks of small events are decoded in stretches of lines of so many bytes: a kept value keeps the text of its stretch alive. */
const STRETCH = 4_096
/** Other chunks are decoded as a whole, and a value that is shorter than this part of the text is copied, or it would keep all of it alive. */
const SMALL_PART = 1 / 8
/** Events are small up to so many bytes, on average. */
const SMALL_EVENT = 1_024

/**
 * A parser for bundles, a third the size of `createParser`'s, which is built for speed: docs/benchmarks.md says why there are two. The same
 * vectors and random streams test both. WHATWG HTML sections 9.2.5 and 9.2.6, in linear time and bounded memory. `feed` throws what a handler
 * throws, at once, and `OnwardError("event_too_large")`; after either, `reset`.
 */
export function createSmallParser(
  { onEvent, onComment }: ParserHandlers,
  options: SmallParserOptions = {},
): SmallParser {
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
  /** The newest lines of data, when there are many, and how many there are in all. */
  let lines: string
  let count: number
  /** How many events the last stretch has, and whether they are small. */
  let events = 0
  let areSmall = true
  /** Another after each reset, for loops to notice one. */
  let life = {}

  function reset(): void {
    life = {}
    // Node's would drop two byte order marks when the first one comes in pieces
    decoder = new TextDecoder("utf-8", { ignoreBOM: true })
    skipped = "\ufeff"
    line = []
    lineLength = 0
    dataLength = count = 0
    event = topic = data = lines = ""
    id = undefined
  }

  function check(length: number): void {
    if (length > maxEventChars)
      throw new OnwardError("event_too_large", `an event is longer than ${maxEventChars}: raise \`maxEventChars\``)
  }

  /** A blank line. All is set for the next block before a handler runs, so that it may throw or reset. */
  function dispatch(value?: string): void {
    lastEventId = id ?? lastEventId
    const message: { -readonly [K in keyof ParsedEvent]: ParsedEvent[K] } = {
      event: event || "message",
      data: value as string,
      id: lastEventId,
    }
    if (topic) message.topic = topic
    event = topic = ""
    id = undefined
    if (value === undefined) return
    events++
    onEvent(message)
  }

  function takeData(value: string): void {
    if (dataLength === 0) data = value
    else if (++count < FEW) data += `\n${value}`
    else {
      lines += `\n${value}`
      if (count % MANY === 0) settle()
    }
    check((dataLength += value.length + 1))
  }

  /** Adds the newest lines to the data in one flat string: a string of a million parts would take many times its length. */
  function settle(): void {
    data += ` ${lines}`.slice(1)
    lines = ""
  }

  function take(line: string, small: number): void {
    const colon = line.indexOf(":")
    if (colon === 0 && !onComment) return
    const { length } = line
    const isNamed = (name: string): boolean => line.startsWith(name) && name.length === (colon < 0 ? length : colon)
    const value =
      colon < 0 ? "" : cut(line, line.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1, length, small)
    if (isNamed("id")) id = value.includes("\0") ? id : value
    else if (isNamed("event")) event = value
    else if (isNamed("")) onComment?.(value)
    else if (isNamed("data")) takeData(value)
    else if (isNamed("topic")) topic = value
    else if (isNamed("retry") && /^[0-9]+$/.test(value)) retry = Math.min(+value, Number.MAX_SAFE_INTEGER)
  }

  function read(text: string): void {
    if (text === "") return
    const mine = life
    const small = text.length > 2 * STRETCH ? text.length * SMALL_PART : 0
    let at = text[0] === skipped ? 1 : 0
    skipped = ""
    let lf = find(text, "\n", at)
    let cr = find(text, "\r", at)
    for (let end; (end = lf < cr ? lf : cr) < Infinity;) {
      if (lineLength > 0) {
        line.push(text.slice(at, end))
        const whole = line.join("")
        line = []
        lineLength = 0
        take(whole, 0)
      } else if (text.startsWith("data:", at)) {
        const value = cut(text, text.charCodeAt(at + 5) === SPACE ? at + 6 : at + 5, end, small)
        // nearly every event there is: one line of data and a blank one
        if (dataLength === 0 && end === lf && text.charCodeAt(end + 1) === LF) {
          check(value.length + 1)
          end = lf = end + 1
          dispatch(value)
        } else takeData(value)
      } else if (end > at) take(text.slice(at, end), small)
      else if (dataLength > 0) {
        if (lines) settle()
        dataLength = count = 0
        dispatch(data)
      } else dispatch()
      if (mine !== life) return
      at = end + 1
      if (end === cr) {
        if (at === text.length) skipped = "\n"
        if (lf === at) {
          at++
          lf = find(text, "\n", at)
        }
        cr = find(text, "\r", at)
      } else lf = find(text, "\n", at)
    }
    if (at >= text.length) return
    const rest = text.slice(at)
    if (line.push(rest) > MANY) line = [line[0] + line.slice(1).join("")]
    check(dataLength + (lineLength += rest.length))
  }

  reset()
  return {
    feed(chunk) {
      const mine = life
      const { length } = chunk
      for (let at = 0, end; at < length; at = end) {
        end = length
        if (areSmall && end > at + STRETCH) end = chunk.lastIndexOf(LF, at + STRETCH) + 1
        if (end <= at) end = length
        const part = end < at + length ? chunk.subarray(at, end) : chunk
        events = 0
        read(decoder.decode(part, { stream: true }))
        if (mine !== life) return
        areSmall = events * SMALL_EVENT > end - at
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

const find = (text: string, what: string, from: number): number => {
  const at = text.indexOf(what, from)
  return at < 0 ? Infinity : at
}

/** A slice that is copied when it is short. The concatenation makes the copy: it has to be laid out before it can be sliced. */
function cut(text: string, start: number, end: number, small: number): string {
  const part = text.slice(start, end)
  return part.length < small ? ` ${part}`.slice(1) : part
}
