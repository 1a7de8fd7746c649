import { crc32 } from "node:zlib"
import type { Frame, Piece } from "../frame.ts"
import type { Sink, SinkOwner } from "../sink.ts"
import { joinCrc } from "./crc.ts"
import { blocksOf, endOf, head } from "./deflate.ts"
import { dictionaryOf, type GzipDictionary, type GzipMember } from "./gzip-dictionary.ts"

/** A sink for bytes of any kind. */
export interface PieceSink {
  owner: SinkOwner | undefined
  write(piece: Piece): boolean
  close(options?: { readonly abort?: boolean }): void
}

/**
 * One gzip stream (RFC 1952), made of blocks that other streams share. It holds a few numbers and no deflater: the common bytes are in the
 * dictionary of its audience.
 */
export class GzipSink implements Sink, GzipMember {
  frameNumber = -1
  readonly #inner: PieceSink
  #dictionary: GzipDictionary | undefined
  // both as signed 32-bit numbers, which V8 keeps in place
  #crc = 0
  #length = 0
  #isOver = false

  constructor(inner: PieceSink) {
    this.#inner = inner
    inner.write(head)
  }

  get owner(): SinkOwner | undefined {
    return this.#inner.owner
  }

  set owner(owner: SinkOwner | undefined) {
    this.#inner.owner = owner
  }

  write(frame: Frame, audience?: object): boolean {
    if (!audience) return this.#writeOwn(frame.bytes)
    this.#dictionary ??= dictionaryOf(audience)
    const blocks = this.#dictionary.take(frame, this)
    const { crc, shift, bytes } = this.#dictionary.plain
    this.#crc = joinCrc(this.#crc, crc, shift) | 0
    this.#length = (this.#length + bytes.length) | 0
    return this.#inner.write(blocks)
  }

  writeText(text: string): boolean {
    return this.#writeOwn(Buffer.from(text))
  }

  #writeOwn(bytes: Uint8Array): boolean {
    this.#dictionary?.leave(this)
    this.#crc = crc32(bytes, this.#crc >>> 0) | 0
    this.#length = (this.#length + bytes.length) | 0
    return this.#inner.write(blocksOf(bytes))
  }

  close(options?: { readonly abort?: boolean }): void {
    if (!options?.abort && !this.#isOver) this.#inner.write(endOf(this.#crc, this.#length))
    this.#isOver = true
    this.#inner.close(options)
  }
}
