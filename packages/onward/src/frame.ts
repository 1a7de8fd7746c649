import { byteLength } from "./bytes.ts"

const encoder = new TextEncoder()

/** Bytes in the forms that sinks write: bare, and as one HTTP/1.1 chunk (RFC 9112 section 7.1). */
export interface Piece {
  readonly bytes: Uint8Array
  readonly chunk: Uint8Array
}

/**
 * A stretch of event-stream text, turned into bytes at most once per form however many connections get it.
 * Sinks pick the form they can write: the bare bytes, or the same bytes as one HTTP/1.1 chunk (RFC 9112 section 7.1).
 */
export class Frame implements Piece {
  readonly text: string
  #bytes: Uint8Array | undefined
  #chunk: Uint8Array | undefined
  #size: number | undefined

  constructor(text: string) {
    this.text = text
  }

  /** Bytes of the text in UTF-8. */
  get size(): number {
    return (this.#size ??= byteLength(this.text))
  }

  get bytes(): Uint8Array {
    return (this.#bytes ??= encoder.encode(this.text))
  }

  get chunk(): Uint8Array {
    return (this.#chunk ??= encoder.encode(`${this.size.toString(16)}\r\n${this.text}\r\n`))
  }
}
