import { OnwardError } from "../errors.ts"
import { Block, type ParserHandlers } from "./block.ts"
import { LineBuffer } from "./line-buffer.ts"
import { findLineEnd, lastLineEnd, nextLine } from "./line-ends.ts"
import { indexOf } from "./native.ts"
import { checkNames } from "../options.ts"
import { readBytes, readDecoded } from "./text-lines.ts"

const LF = 0x0a
const CR = 0x0d
const BOM: readonly number[] = [0xef, 0xbb, 0xbf]
const encoder = new TextEncoder()

/** A chunk up to this size is put behind a held line as a whole, to be decoded in one go; of a larger one only the rest of that line. */
const JOINED = 4096
/**
 * Chunks are decoded in stretches of whole lines, sized to hold so many events: enough that the calls per stretch do not show,
 * few enough that a kept value does not keep much else alive.
 */
const EVENTS = 96
const SHORTEST = 2048
const LONGEST = 16_384

export interface ParserOptions {
  /**
   * Most bytes one event may hold: its data so far plus the line being read. Unknown fields, and comments
   * without a handler, do not count. @default 16 MiB
   */
  readonly maxEventBytes?: number | undefined
  /** The last event id to begin with, as a reconnecting client knows it. @default "" */
  readonly lastEventId?: string | undefined
}

/** Turns chunks of an event stream into events, by WHATWG HTML sections 9.2.5 and 9.2.6. */
export interface Parser {
  /**
   * Takes the next chunk, cut anywhere; calls the handlers before it returns, and keeps no reference to the chunk.
   * Throws `OnwardError("event_too_large")`, then and on every later call until `reset`; the first error a handler threw,
   * once the chunk is done; `TypeError` when a handler calls it, or after `end`.
   */
  feed(chunk: Uint8Array | string): void
  /** Ends the stream: drops an unfinished block, like the standard says. */
  end(): void
  /**
   * Ready for a new stream: drops what was not finished, keeps `lastEventId` and `retry`. When a handler calls it
   * (or `end`), the rest of the chunk is dropped too.
   */
  reset(): void
  /** The id to reconnect with. */
  readonly lastEventId: string
  /** The reconnection time the stream set last, in milliseconds. */
  readonly retry: number | undefined
}

/**
 * Makes a parser that calls `handlers`.
 *
 * @example
 * const parser = createParser({ onEvent: ({ event, data, id }) => console.log(event, data, id) })
 * for await (const chunk of response.body) parser.feed(chunk)
 * parser.end()
 */
export function createParser(handlers: ParserHandlers, options: ParserOptions = {}): Parser {
  // of an object that does more than this, only what looks like a handler is looked at
  const named = Object.entries(handlers ?? {}).filter(([name]) => /^on[A-Z]/.test(name))
  checkNames("createParser's handlers", Object.fromEntries(named), HANDLERS)
  checkNames("createParser", options, OPTIONS)
  return makeParser(handlers, options)
}

const HANDLERS = ["onEvent", "onId", "onRetry", "onComment"]
const OPTIONS = ["maxEventBytes", "lastEventId"]

/** The same for handlers and options that come as one. */
export function makeJoined(
  what: string,
  options: Partial<ParserHandlers> & ParserOptions,
  onEvent: ParserHandlers["onEvent"],
): Parser {
  checkNames(what, options, [...HANDLERS.slice(1), ...OPTIONS])
  return makeParser({ ...options, onEvent }, options)
}

function makeParser(handlers: ParserHandlers, options: ParserOptions): Parser {
  if (typeof handlers?.onEvent !== "function") {
    throw new TypeError("createParser needs an `onEvent` function: did you mean `createParser({ onEvent })`?")
  }
  const { maxEventBytes = 16 * 1024 * 1024, lastEventId = "" } = options
  if (!Number.isSafeInteger(maxEventBytes) || maxEventBytes < 1) {
    throw new TypeError("`maxEventBytes` must be a whole number of bytes, at least 1")
  }
  if (typeof lastEventId !== "string") throw new TypeError("`lastEventId` must be a string")
  return new StreamParser(handlers, maxEventBytes, lastEventId)
}

type State = "ready" | "busy" | "ended" | "overflowed"

class StreamParser implements Parser {
  readonly #block: Block
  readonly #line: LineBuffer
  readonly #max: number
  #state: State = "ready"
  /** The state once the chunk is done: a handler may end or reset the parser. */
  #next: State = "ready"
  #stretch = SHORTEST
  /** How many bytes of a byte order mark have been seen at the start of the stream; 3 once that is decided. */
  #bom = 0
  /** The last chunk ended in CR: a LF that comes next belongs to it. */
  #afterCr = false
  /** The last unit of a string chunk, when it is the first half of a surrogate pair. */
  #half = ""

  constructor(handlers: ParserHandlers, max: number, lastEventId: string) {
    this.#block = new Block(handlers, lastEventId)
    this.#line = new LineBuffer({ comments: handlers.onComment !== undefined })
    this.#max = max
  }

  get lastEventId(): string {
    return this.#block.lastEventId
  }

  get retry(): number | undefined {
    return this.#block.retry
  }

  feed(chunk: Uint8Array | string): void {
    if (this.#state !== "ready") this.#refuse()
    const bytes = typeof chunk === "string" || this.#half !== "" ? this.#encode(chunk) : chunk
    if (bytes?.BYTES_PER_ELEMENT !== 1) throw new TypeError("feed takes a Uint8Array or a string")
    const end = bytes.length
    if (end === 0) return
    this.#state = "busy"
    this.#next = "ready"
    this.#block.stopped = false
    let at = 0
    if (this.#bom < 3) at = this.#skipBom(bytes)
    if (this.#afterCr && bytes[at] === LF) at++
    this.#afterCr = bytes[end - 1] === CR
    this.#read(bytes, at, end)
    this.#state = this.#next
    if (this.#block.failure !== undefined) this.#rethrow()
  }

  end(): void {
    this.#drop("ended")
  }

  reset(): void {
    this.#drop("ready")
  }

  #read(chunk: Uint8Array, start: number, end: number): void {
    const line = this.#line
    const stop = lastLineEnd(chunk, start) + 1
    let at = start
    if (stop > at) {
      if (line.skipping) {
        at = nextLine(chunk, findLineEnd(chunk, at, end))
        line.clear()
      } else if (line.length > 0) {
        if (!this.#hasRoom(line.length + stop - at)) return this.#readLines(chunk, at, end)
        const first = stop - at <= JOINED ? stop : wholeEvent(chunk, findLineEnd(chunk, at, end))
        line.add(chunk, at, first)
        const { bytes, length } = line
        readDecoded(this.#block, line.take(), bytes, 0, length)
        if (this.#block.stopped) return
        at = first
      }
      this.#readStretches(chunk, at, stop)
      if (this.#block.stopped) return
      at = stop
    }
    if (at < end) this.#hold(chunk, at, end)
  }

  /** Whole lines, decoded stretch by stretch. */
  #readStretches(chunk: Uint8Array, start: number, end: number): void {
    const block = this.#block
    let at = start
    let search = LF
    while (at < end) {
      let next = end
      if (end - at > this.#stretch) {
        let stop = indexOf(chunk, search, at + this.#stretch)
        if (stop === -1 && search === LF) {
          search = CR // no LF from here on: not looked for again, or the time would be quadratic
          stop = indexOf(chunk, search, at + this.#stretch)
        }
        if (stop !== -1 && stop < end) next = wholeEvent(chunk, stop)
      }
      if (next - at === 1) block.end()
      else if (this.#hasRoom(next - at)) {
        const before = block.events
        readBytes(block, chunk, at, next)
        const events = block.events - before
        if (events > EVENTS && this.#stretch > SHORTEST) this.#stretch >>= 1
        if (events < EVENTS / 2 && this.#stretch < LONGEST) this.#stretch <<= 1
      } else this.#readLines(chunk, at, next)
      if (block.stopped) return
      at = next
    }
  }

  /** Line by line, each weighed: the limit is near. */
  #readLines(chunk: Uint8Array, start: number, end: number): void {
    const line = this.#line
    const block = this.#block
    let at = start
    while (at < end) {
      const stop = findLineEnd(chunk, at, end)
      this.#hold(chunk, at, stop)
      if (stop === end) return
      if (line.skipping) line.clear()
      else if (line.length === 0) block.end()
      else {
        const { length } = line
        const text = line.take()
        if ((text === "data" || text === "data:") && !this.#hasRoom(length)) this.#overflow()
        block.width = length === text.length ? 1 : 3
        block.line(text, 0, text.length)
      }
      if (block.stopped) return
      at = nextLine(chunk, stop)
    }
  }

  #hold(chunk: Uint8Array, start: number, end: number): void {
    if (this.#line.hold(chunk, start, end, this.#max - this.#block.bytes)) return
    this.#block.count()
    if (!this.#line.hold(chunk, start, end, this.#max - this.#block.bytes)) this.#overflow()
  }

  /** Whether an event that gets so much longer is within the limit. */
  #hasRoom(bytes: number): boolean {
    if (bytes <= this.#max - this.#block.bytes) return true
    this.#block.count()
    return bytes <= this.#max - this.#block.bytes
  }

  #overflow(): never {
    this.#state = "overflowed"
    this.#drop("overflowed")
    if (this.#block.failure !== undefined) this.#rethrow()
    this.#refuse()
  }

  #refuse(): never {
    if (this.#state === "busy")
      throw new TypeError("feed cannot be called by a handler: did you mean to call it later?")
    if (this.#state === "ended") throw new TypeError("the stream has ended: call `reset` before the next one")
    throw new OnwardError(
      "event_too_large",
      `an event is larger than ${this.#max} bytes: raise \`maxEventBytes\` if the sender is to be trusted, then reset the parser`,
    )
  }

  #rethrow(): never {
    const { failure } = this.#block
    this.#block.failure = undefined
    throw failure?.error
  }

  #drop(next: State): void {
    this.#block.clear()
    this.#line.clear()
    this.#bom = 0
    this.#afterCr = false
    this.#half = ""
    if (this.#state !== "busy") this.#state = next
    else {
      this.#next = next
      this.#block.stopped = true
    }
  }

  /** Drops the one byte order mark a stream may begin with (section 9.2.5); returns where the text begins. */
  #skipBom(chunk: Uint8Array): number {
    let at = 0
    while (this.#bom < 3 && at < chunk.length) {
      if (chunk[at] !== BOM[this.#bom]) {
        this.#hold(Uint8Array.from(BOM), 0, this.#bom)
        this.#bom = 3
        return at
      }
      at++
      this.#bom++
    }
    return at
  }

  /** Strings may be cut between the halves of a surrogate pair, as bytes may inside a character. */
  #encode(chunk: Uint8Array | string): Uint8Array {
    if (typeof chunk !== "string") {
      const half = encoder.encode(this.#half)
      this.#half = ""
      this.feed(half)
      return chunk
    }
    const text = this.#half + chunk
    const last = text.charCodeAt(text.length - 1)
    const whole = last >= 0xd800 && last < 0xdc00 ? text.length - 1 : text.length
    this.#half = text.slice(whole)
    return encoder.encode(text.slice(0, whole))
  }
}

/** Where to cut after the line end at `stop`: behind a LF that follows, which is the other half of CRLF or the blank line that ends an event. */
const wholeEvent = (chunk: Uint8Array, stop: number): number => (chunk[stop + 1] === LF ? stop + 2 : stop + 1)
