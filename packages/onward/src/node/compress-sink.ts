import { crc32 } from "node:zlib"
import type { Frame, Piece } from "../frame.ts"
import type { Sink, SinkOwner } from "../sink.ts"
import { STORED_BYTES, type Blocks, type Coder } from "./coder.ts"
import { joinCrc } from "./crc.ts"
import { dictionaryOf, History, type Dictionary, type Member } from "./dictionary.ts"

/** A sink for bytes of any kind. */
export interface PieceSink {
  owner: SinkOwner | undefined
  write(piece: Piece): boolean
  close(options?: { readonly abort?: boolean }): void
}

/**
 * One compressed stream. Made of blocks that other streams share, it holds a few numbers and no compressor: the common bytes are in the
 * dictionary of its audience. With `isAlone`, for a stream that shares nothing, it keeps a history of its own.
 */
export class CompressSink implements Sink, Member {
  frameNumber = -1
  readonly #inner: PieceSink
  readonly #coder: Coder
  readonly #history: History | undefined
  #dictionary: Dictionary | undefined
  // both as signed 32-bit numbers, which V8 keeps in place
  #crc = 0
  #length = 0
  #isOver = false

  constructor(inner: PieceSink, coder: Coder, { isAlone }: { readonly isAlone: boolean }) {
    this.#inner = inner
    this.#coder = coder
    this.#history = isAlone ? new History(coder) : undefined
    inner.write(coder.head)
  }

  get owner(): SinkOwner | undefined {
    return this.#inner.owner
  }

  set owner(owner: SinkOwner | undefined) {
    this.#inner.owner = owner
  }

  write(frame: Frame, audience?: object): boolean {
    if (!audience) return this.#writeOwn(frame.bytes)
    this.#dictionary ??= dictionaryOf(audience, this.#coder)
    const blocks = this.#dictionary.take(frame, this)
    if (this.#coder.hasChecksum) {
      const { crc, shift, bytes } = this.#dictionary.frame
      this.#crc = joinCrc(this.#crc, crc, shift) | 0
      this.#length = (this.#length + bytes.length) | 0
    }
    return this.#inner.write(blocks)
  }

  writeText(text: string): boolean {
    return this.#writeOwn(Buffer.from(text))
  }

  #writeOwn(bytes: Uint8Array): boolean {
    this.#dictionary?.leave(this)
    if (this.#coder.hasChecksum) {
      this.#crc = crc32(bytes, this.#crc >>> 0) | 0
      this.#length = (this.#length + bytes.length) | 0
    }
    return this.#inner.write(this.#blocksOf(bytes))
  }

  /** Blocks for this connection only. */
  #blocksOf(bytes: Uint8Array): Blocks {
    if (!this.#history) return bytes.length < STORED_BYTES ? this.#coder.store(bytes) : this.#coder.compress(bytes)
    const blocks = this.#history.compress(bytes)
    this.#history.append(bytes)
    return blocks
  }

  close(options?: { readonly abort?: boolean }): void {
    if (!options?.abort && !this.#isOver) this.#inner.write(this.#coder.endOf(this.#crc, this.#length))
    this.#isOver = true
    this.#inner.close(options)
  }
}
