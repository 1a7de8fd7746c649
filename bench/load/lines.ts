import { Sequence } from "../../packages/hub/src/commands/bench/sequence.ts"
import type { Tally } from "./tally.ts"

const LF = 10
const CR = 13
const QUOTE = 34
/** Bytes of a line cut by a read that are remembered; what is looked at lies within them, the rest is only skipped. */
const KEPT = 96
/** Events about the stream, which are in no log; of these a gap says that events are missing. */
const CONTROL = Buffer.from("event: stream.")
const GAP = Buffer.from("event: stream.gap")

/** A number that is waited for. */
export interface Goal {
  readonly number: number
  readonly reached: () => void
}

/**
 * Reads one subscriber's event stream and checks its numbers. It works on bytes and makes no strings and no objects: the
 * data of each event starts `{"s":<number>,"t":<nanoseconds>`, as the publisher of this bench writes it, and nothing behind that is
 * looked at. `size` is the length of that data; a line that ends exactly there need not be searched for its end.
 */
export class Lines {
  readonly sequence: Sequence
  /** Called when an event with this number comes. */
  readonly #goal: Goal | undefined
  readonly #tally: Tally
  readonly #size: number
  /** Start of the line under way when a read ended inside it, and how many bytes of it there were in all. */
  #start: Uint8Array | undefined
  #length = 0
  /** The event under way: its number (0: none yet), when it was sent, whether it has data, and whether it is a control event. */
  #number = 0
  #sent = 0
  #data = false
  #control = false
  #gap = false

  constructor(tally: Tally, size: number, goal?: Goal) {
    this.#goal = goal
    this.#tally = tally
    this.#size = size
    this.sequence = new Sequence(tally)
  }

  push(bytes: Buffer, from: number, to: number): void {
    this.#tally.bytes += to - from
    let at = from
    while (at < to) {
      let end = at + this.#size + (bytes[at + 5] === 0x20 ? 6 : 5)
      const fits = this.#length === 0 && end < to && bytes[end] === LF && bytes[end - 1] === 0x7d && bytes[at] === 0x64
      if (!fits) end = lineEnd(bytes, at, to)
      if (end < 0 || end >= to) return this.#keep(bytes, at, to)
      if (this.#length > 0) {
        this.#keep(bytes, at, end)
        this.#line(this.#start as Uint8Array, 0, Math.min(this.#length, KEPT))
        this.#length = 0
      } else this.#line(bytes, at, end)
      at = end + 1
    }
  }

  #keep(bytes: Uint8Array, from: number, to: number): void {
    const start = (this.#start ??= new Uint8Array(KEPT))
    for (let i = from, o = this.#length; i < to && o < KEPT; i++, o++) start[o] = bytes[i] as number
    this.#length += to - from
  }

  #line(bytes: Uint8Array, from: number, to: number): void {
    if (from === to || (to === from + 1 && bytes[from] === CR)) return this.#dispatch()
    // `data:` and `event:`; ids, comments and retries need no look
    if (bytes[from] === 0x64 && bytes[from + 4] === 0x3a) this.#payload(bytes, from + 5)
    else if (bytes[from] === 0x65) {
      this.#control = startsWith(bytes, from, CONTROL)
      this.#gap = this.#control && startsWith(bytes, from, GAP)
    }
  }

  #payload(bytes: Uint8Array, from: number): void {
    this.#data = true
    let at = bytes[from] === 0x20 ? from + 1 : from
    if (bytes[at + 1] !== QUOTE || bytes[at + 2] !== 0x73 || bytes[at + 3] !== QUOTE) return
    at += 5
    let value = 0
    for (let digit = 0; (digit = (bytes[at] as number) - 48) >= 0 && digit < 10; at++) value = value * 10 + digit
    this.#number = value
    at += 5
    value = 0
    for (let digit = 0; (digit = (bytes[at] as number) - 48) >= 0 && digit < 10; at++) value = value * 10 + digit
    this.#sent = value
  }

  #dispatch(): void {
    if (!this.#data) return
    const tally = this.#tally
    if (this.#number > 0) {
      this.sequence.take(this.#number)
      if (this.#number === this.#goal?.number) this.#goal.reached()
      tally.latency.add(tally.now - this.#sent)
      tally.lastArrival = tally.now
    } else if (this.#gap) this.sequence.gap()
    else if (!this.#control) tally.fault("an event without a sequence number")
    this.#number = 0
    this.#data = false
    this.#control = false
    this.#gap = false
  }
}

/** Most lines that are searched are short ids, for which a call into the platform costs more than a look at each byte. */
function lineEnd(bytes: Buffer, from: number, to: number): number {
  const near = Math.min(to, from + 48)
  for (let at = from; at < near; at++) if (bytes[at] === LF) return at
  return near === to ? -1 : bytes.indexOf(LF, near)
}

function startsWith(bytes: Uint8Array, from: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[from + i] !== wanted[i]) return false
  return true
}
