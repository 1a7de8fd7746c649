import { constants, crc32, deflateRawSync } from "node:zlib"
import type { Frame, Piece } from "../frame.ts"
import { shiftOf } from "./crc.ts"

/**
 * Measured on JSON events of 200 bytes: a larger dictionary, a wider window or a higher level saves at most 2 % more, and a new deflater
 * of this size costs half as much as a default one.
 */
const SETTINGS = { level: 3, windowBits: 13, memLevel: 4, finishFlush: constants.Z_SYNC_FLUSH }

/** Size of a dictionary: deflate needs 262 bytes of its window itself. */
export const DICTIONARY_BYTES: number = 8_192 - 262

/** Smaller data for a single connection is stored uncompressed. */
const STORED_BYTES = 1_024

/** Part of a gzip stream: whole deflate blocks that end at a byte boundary (RFC 1951). */
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

/** A frame as gzip streams need it, computed once for all of them. */
export class Plain {
  readonly bytes: Uint8Array
  readonly crc: number
  readonly shift: number
  #alone: Blocks | undefined

  constructor(frame: Frame) {
    this.bytes = frame.bytes
    this.crc = crc32(this.bytes)
    this.shift = shiftOf(this.bytes.length)
  }

  /** Blocks without references to earlier bytes, which fit into any stream. */
  get alone(): Blocks {
    return (this.#alone ??= new Blocks(deflateRawSync(this.bytes, SETTINGS)))
  }

  /** Blocks for streams whose content so far ends with `history`. */
  after(history: Uint8Array): Blocks {
    return new Blocks(deflateRawSync(this.bytes, { ...SETTINGS, dictionary: history }))
  }
}

const plains = new WeakMap<Frame, Plain>()

export function plainOf(frame: Frame): Plain {
  let plain = plains.get(frame)
  if (!plain) plains.set(frame, (plain = new Plain(frame)))
  return plain
}

/** Blocks for one connection only. */
export function blocksOf(bytes: Uint8Array): Blocks {
  if (bytes.length >= STORED_BYTES) return new Blocks(deflateRawSync(bytes, SETTINGS))
  // a stored block (RFC 1951 section 3.2.4)
  const stored = Buffer.allocUnsafe(5 + bytes.length)
  stored[0] = 0
  stored.writeUInt16LE(bytes.length, 1)
  stored.writeUInt16LE(bytes.length ^ 0xffff, 3)
  stored.set(bytes, 5)
  return new Blocks(stored)
}

/** RFC 1952 section 2.3: no name, no time. */
export const head: Blocks = new Blocks(Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff))

/** An empty last block, then CRC and length modulo 2^32 of the whole content. */
export function endOf(crc: number, length: number): Blocks {
  const bytes = Buffer.alloc(10)
  bytes[0] = 3
  bytes.writeInt32LE(crc, 2)
  bytes.writeInt32LE(length, 6)
  return new Blocks(bytes)
}
