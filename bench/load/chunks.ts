import type { Lines } from "./lines.ts"
import type { Tally } from "./tally.ts"

const SIZE = 0
const EXTENSION = 1
const DATA = 2
const AFTER = 3
const END = 4

/** Takes HTTP/1.1 chunk framing (RFC 9112 section 7.1) off a response body, without copying it. */
export class Chunks {
  readonly #lines: Lines
  readonly #tally: Tally
  /** The last chunk has come. */
  ended = false
  #state = SIZE
  #left = 0

  constructor(lines: Lines, tally: Tally) {
    this.#lines = lines
    this.#tally = tally
  }

  push(bytes: Buffer, from: number, to: number): void {
    let at = from
    while (at < to) {
      if (this.#state === DATA) {
        const part = Math.min(this.#left, to - at)
        this.#lines.push(bytes, at, at + part)
        at += part
        if ((this.#left -= part) === 0) this.#state = AFTER
      } else this.#frame(bytes[at++] as number)
    }
  }

  #frame(byte: number): void {
    if (this.#state === AFTER) {
      if (byte === 10) this.#state = SIZE
    } else if (this.#state !== END) {
      if (byte === 10) {
        this.#state = this.#left > 0 ? DATA : END
        if (this.#state === END) this.#end()
      } else if (this.#state === SIZE) {
        const digit = hex(byte)
        if (digit >= 0) this.#left = this.#left * 16 + digit
        else this.#state = EXTENSION
      }
    }
  }

  #end(): void {
    this.ended = true
    this.#tally.ended++
  }
}

function hex(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = (byte | 0x20) - 0x61
  return letter >= 0 && letter < 6 ? letter + 10 : -1
}
