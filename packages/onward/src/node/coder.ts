import type { Piece } from "../frame.ts"

/** Part of a compressed stream: whole blocks of its coding, ending at a byte boundary. */
export class Blocks implements Piece {
  readonly bytes: Uint8Array
  #chunk: Uint8Array | undefined

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get chunk(): Uint8Array {
    return (this.#chunk ??= Buffer.concat([
      Buffer.from(`${this.bytes.length.toString(16)}\r\n`, "latin1"),
      this.bytes,
      Buffer.from("\r\n", "latin1"),
    ]))
  }
}

/** Most bytes for a single connection that are stored uncompressed. */
export const STORED_BYTES = 1_024

/** Makes streams of one content coding from blocks that many streams share. */
export interface Coder {
  /** The start of each stream. */
  readonly head: Blocks
  /** The least and the most bytes of earlier content that are kept to compress what follows. */
  readonly historyBytes: readonly [least: number, most: number]
  /** Whether `endOf` needs checksum and length. */
  readonly hasChecksum: boolean
  /**
   * Compresses bytes for streams whose content ends with `history`, which is made of results of `contentOf`. Without it, the blocks fit into
   * any stream.
   */
  compress(bytes: Uint8Array, history?: Uint8Array): Blocks
  /** What decoders get for compressed bytes. */
  contentOf(bytes: Uint8Array): Uint8Array
  /** Up to `STORED_BYTES` as they are. */
  store(bytes: Uint8Array): Blocks
  /** The end of a stream with this content. */
  endOf(crc: number, length: number): Blocks
}
