import { byteLength } from "./bytes.ts"

const encoder = new TextEncoder()
// a byte order mark is part of the text
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** Bytes in the forms that sinks write: bare, and as one HTTP/1.1 chunk (RFC 9112 section 7.1). */
export interface Piece {
  readonly bytes: Uint8Array
  readonly chunk: Uint8Array
}

/** Up to this many characters a frame keeps its text, because streams that begin send it with their head. */
const KEPT_CHARS = 4_096

/**
 * A stretch of event-stream text, turned into bytes at most once per form however many connections get it.
 * Sinks pick the form they can write: the bare bytes, or the same bytes as one HTTP/1.1 chunk (RFC 9112 section 7.1).
 *
 * A long text is dropped once there are bytes: it is in the heap, and the garbage collector would copy it twice while the frame is shared.
 */
export class Frame implements Piece {
  #text: string | undefined
  #bytes: Uint8Array | undefined
  #chunk: Uint8Array | undefined
  #size: number | undefined

  constructor(text: string) {
    this.#text = text
  }

  get text(): string {
    return this.#text ?? decoder.decode(this.bytes)
  }

  /** Bytes of the text in UTF-8. */
  get size(): number {
    return (this.#size ??= byteLength(this.text))
  }

  get bytes(): Uint8Array {
    if (this.#bytes) return this.#bytes
    const { size } = this
    this.#bytes = this.#chunk ? within(this.#chunk, size) : encoder.encode(this.text)
    this.#dropText()
    return this.#bytes
  }

  get chunk(): Uint8Array {
    if (this.#chunk) return this.#chunk
    this.#chunk = encoder.encode(`${this.size.toString(16)}\r\n${this.text}\r\n`)
    this.#dropText()
    return this.#chunk
  }

  /** Makes the bytes now, so that the text need not be kept. */
  encode(): this {
    void this.chunk
    return this
  }

  #dropText(): void {
    if (this.#text !== undefined && this.#text.length > KEPT_CHARS) this.#text = undefined
  }
}

/** The bytes of a chunk, without its size before them and the line end after them. */
const within = (chunk: Uint8Array, size: number): Uint8Array =>
  chunk.subarray(chunk.length - size - 2, chunk.length - 2)
