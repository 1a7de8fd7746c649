import { byteLength } from "../bytes.ts"
import { cut } from "./cut.ts"
import { ManyLines } from "./many-lines.ts"

// In each file that runs hot its own: V8 folds the constants of a module into its code, but loads imported ones each time.
const SPACE = 0x20
const COLON = 0x3a
const A = 0x61
const D = 0x64
const E = 0x65
const I = 0x69
const N = 0x6e
const R = 0x72
const T = 0x74
const V = 0x76

/** Up to so many data lines are concatenated, which is fastest. Engines build a tree of it, some 32 bytes a node: no good for a million. */
const FEW = 32

/** An event as WHATWG HTML section 9.2.6 dispatches it. */
export interface ParsedEvent {
  /** The type; "message" when the stream named none. */
  readonly event: string
  /** The data lines, joined by LF. */
  readonly data: string
  /** The last event id when the event was dispatched, so that of an earlier block when this one had none; "" before the first. */
  readonly id: string
  /** The topic of the event, if the server sends it: a field of Onward that the standard ignores. */
  readonly topic?: string
}

/** What a parser calls. A handler that throws stops nothing: the chunk is parsed to its end, then `feed` throws the first such error. */
export interface ParserHandlers {
  /** Called with each event. */
  readonly onEvent: (event: ParsedEvent) => void
  /** Called when a block that set the last event id ends, before its event; a block without data, a checkpoint, has only this. */
  readonly onId?: ((id: string) => void) | undefined
  /** Called with each valid reconnection time, in milliseconds, as soon as its line is read. Timers need it clamped to 2^31 - 1. */
  readonly onRetry?: ((retry: number) => void) | undefined
  /** Called with the text of each comment line. Without it comments cost no memory. */
  readonly onComment?: ((comment: string) => void) | undefined
}

/** Whether `text` has "data:" at `at`. Compared unit by unit: a call that searches costs more than the answer. */
const isData = (text: string, at: number): boolean =>
  text.charCodeAt(at) === D &&
  text.charCodeAt(at + 4) === COLON &&
  text.charCodeAt(at + 1) === A &&
  text.charCodeAt(at + 2) === T &&
  text.charCodeAt(at + 3) === A

/** Where the value begins after the colon at `colon`: one space is not part of it. */
const afterColon = (text: string, colon: number): number =>
  text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1

/** Where the value begins when the name ends at `colon`; -1 when it does not. A line that is all name has an empty value. */
const valueAt = (text: string, colon: number, end: number): number =>
  colon === end ? end : text.charCodeAt(colon) === COLON ? afterColon(text, colon) : -1

const isEvent = (text: string, at: number): boolean =>
  text.charCodeAt(at + 1) === V &&
  text.charCodeAt(at + 2) === E &&
  text.charCodeAt(at + 3) === N &&
  text.charCodeAt(at + 4) === T

/** Interprets lines: WHATWG HTML section 9.2.6, "Interpreting an event stream". One block is one event, or less. */
export class Block {
  lastEventId: string
  retry: number | undefined
  /** At least the UTF-8 bytes of the data gathered, a LF counted for each line. */
  bytes = 0
  /** A handler ended or reset the parser: the rest of the chunk is not for it. */
  stopped = false
  /** Nothing was set in the block so far. */
  fresh = true
  /** Events handed out, roughly. */
  events = 0
  /** The most bytes a character of the text at hand can have: 1 when it is known to be ASCII, else 3 per UTF-16 unit. */
  width: 1 | 3 = 3
  /** The first error a handler threw. */
  failure: { readonly error: unknown } | undefined
  readonly #handlers: ParserHandlers
  #data = ""
  /** How many data lines there were; those beyond `FEW` are in `more`. */
  #lines = 0
  readonly #more = new ManyLines()
  #event = ""
  #topic = ""
  #id: string
  #idSet = false

  constructor(handlers: ParserHandlers, lastEventId: string) {
    this.#handlers = handlers
    this.lastEventId = lastEventId
    this.#id = lastEventId
  }

  /** Takes the line `text[start, end)`, which is not empty. */
  line(text: string, start: number, end: number): void {
    if (isData(text, start)) this.addData(cut(text, afterColon(text, start + 4), end))
    else this.field(text, start, end)
  }

  /** Takes a line that is not "data:". Comparing runs into the next line at worst, and its line end matches no name. */
  field(text: string, start: number, end: number): void {
    let at: number
    switch (text.charCodeAt(start)) {
      case E:
        at = valueAt(text, start + 5, end)
        if (at === -1 || !isEvent(text, start)) return
        this.#event = cut(text, at, end)
        this.fresh = false
        return
      case I:
        at = valueAt(text, start + 2, end)
        if (at !== -1 && text.charCodeAt(start + 1) === D) this.#setId(cut(text, at, end))
        return
      case R:
        at = valueAt(text, start + 5, end)
        if (at !== -1 && text.startsWith("retry", start)) this.#setRetry(text.slice(at, end))
        return
      case T:
        at = valueAt(text, start + 5, end)
        if (at === -1 || !text.startsWith("topic", start)) return
        this.#topic = cut(text, at, end)
        this.fresh = false
        return
      case D:
        if (end === start + 4 && text.startsWith("data", start)) this.addData("")
        return
      case COLON:
        if (this.#handlers.onComment !== undefined) this.#comment(cut(text, afterColon(text, start), end))
    }
  }

  /** Takes the value of a data line. */
  addData(value: string): void {
    this.fresh = false
    this.bytes += this.width * value.length + 1
    const before = this.#lines++
    if (before === 0) this.#data = value
    else if (before < FEW) this.#data = this.#data + "\n" + value
    else this.#more.add(value)
  }

  /** Takes a blank line: the block is over. All is set for the next one before a handler runs, so that it may throw or reset. */
  end(): void {
    if (this.fresh) return
    const event = this.#event === "" ? "message" : this.#event
    const data = this.#lines === 0 ? undefined : this.#takeData()
    const topic = this.#topic
    this.fresh = true
    this.#event = this.#topic = ""
    this.#commitId()
    if (data === undefined || this.stopped) return
    this.events++
    if (topic === "") this.emit(event, data)
    else this.#call(() => this.#handlers.onEvent({ event, data, id: this.lastEventId, topic }))
  }

  /** Emits an event; enough for a block that is `fresh` except for its data. Small, so that it is inlined. */
  emit(event: string, data: string): void {
    try {
      this.#handlers.onEvent({ event, data, id: this.lastEventId })
    } catch (error) {
      this.failure ??= { error }
    }
  }

  /** Makes `bytes`, which is an upper bound, exact. */
  count(): void {
    if (this.#lines > 0) this.bytes = byteLength(this.#data) + 1 + this.#more.byteLength()
  }

  /** Forgets the block; the last event id and the reconnection time stay. */
  clear(): void {
    this.#data = ""
    this.#more.clear()
    this.#lines = 0
    this.bytes = 0
    this.fresh = true
    this.#event = this.#topic = ""
    this.#id = this.lastEventId
    this.#idSet = false
  }

  #takeData(): string {
    const data = this.#lines > FEW ? this.#data + "\n" + this.#more.take() : this.#data
    this.#data = ""
    this.#lines = 0
    this.bytes = 0
    return data
  }

  #setId(id: string): void {
    if (id.indexOf("\0") !== -1) return
    this.#id = id
    this.#idSet = true
    this.fresh = false
  }

  #commitId(): void {
    if (!this.#idSet) return
    this.#idSet = false
    this.lastEventId = this.#id
    if (this.#handlers.onId !== undefined) this.#call(() => this.#handlers.onId?.(this.lastEventId))
  }

  #setRetry(digits: string): void {
    if (!/^[0-9]+$/.test(digits)) return
    const retry = Math.min(Number(digits), Number.MAX_SAFE_INTEGER)
    this.retry = retry
    this.#call(() => this.#handlers.onRetry?.(retry))
  }

  #comment(text: string): void {
    this.#call(() => this.#handlers.onComment?.(text))
  }

  #call(handler: () => void): void {
    try {
      handler()
    } catch (error) {
      this.failure ??= { error }
    }
  }
}
