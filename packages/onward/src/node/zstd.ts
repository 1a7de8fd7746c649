import zlib from "node:zlib"
import { Blocks, type Coder } from "./coder.ts"

/**
 * A stream is one zstd frame (RFC 8878) of blocks that were compressed one event at a time. zlib has no call that flushes a compressor at
 * once, so each event is compressed to a frame of its own, with the content before it as dictionary, and its blocks are put into the stream.
 * There a decoder reads what the compressor wrote, for three reasons: a distance into the dictionary is the distance into the stream; the first block of a frame
 * does not use tables of blocks before it; and RESET gives the decoder the three repeated offsets that a frame starts with (section
 * 3.1.1.5). RESET must produce bytes, so they are a comment of the event stream, which ends with the first byte of what follows.
 */

/** What RESET produces: 3 times 8 literals and a match of 3 bytes. */
const COLONS: Uint8Array = Buffer.alloc(33, ":")

/** The matches have the offsets 8, 4 and 1, the newest last; all literals are one byte (RLE), all lengths are equal (RLE). */
const RESET: Uint8Array = (() => {
  // read backwards, after a first 1: the states of the default table for offset codes 3, 2 and 2 (5, 14, 14), each with its extra bits
  const bits = 0b1_00101_011_01110_11_01110_00
  const [rle, compressed, sequences, rleModes, literalLength, matchLength] = [1, 2, 3, 0b01_00_01_00, 8, 0]
  const content = [(24 << 3) | rle, COLONS[0] as number, sequences, rleModes, literalLength, matchLength]
  content.push(bits & 255, (bits >> 8) & 255, bits >> 16)
  return Uint8Array.from([...blockHead(content.length, compressed), ...content])
})()

const NEWLINE = Uint8Array.of(10)

/** Longest history, and with an equal window the half of how far back a block can refer. */
const HISTORY_LOG = 18

/** Magic number, no checksum, no length, and the window that a decoder needs: 512 KiB. */
const HEAD = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, (HISTORY_LOG + 1 - 10) << 3)

/** An empty last block. */
const END = new Blocks(Uint8Array.of(1, 0, 0))

function blockHead(size: number, type: number): Uint8Array {
  const head = (size << 3) | (type << 1)
  return Uint8Array.of(head & 255, (head >> 8) & 255, head >> 16)
}

function compressFrame(bytes: Uint8Array, history?: Uint8Array): Buffer {
  const { ZSTD_c_compressionLevel, ZSTD_c_contentSizeFlag, ZSTD_c_windowLog } = zlib.constants
  return zlib.zstdCompressSync(bytes, {
    params: { [ZSTD_c_compressionLevel]: 3, [ZSTD_c_contentSizeFlag]: 0, [ZSTD_c_windowLog]: HISTORY_LOG },
    ...(history && { dictionary: history }),
  })
}

/** The blocks of a whole frame, none of them marked as the last. */
function blocksIn(frame: Buffer): Uint8Array {
  let at = HEAD.length
  for (;;) {
    const head = frame.readUIntLE(at, 3)
    const isRle = ((head >> 1) & 3) === 1
    if (head & 1) break
    at += 3 + (isRle ? 1 : head >> 3)
  }
  frame[at] = (frame[at] as number) & ~1
  return frame.subarray(HEAD.length)
}

/**
 * Undefined where zlib cannot do it: Node before 22.15 has no zstd, and before 22.19 and 24.6 no dictionaries for it.
 */
export const zstd: Coder | undefined = canCompress()
  ? {
      head: new Blocks(HEAD),
      historyBytes: [8_192, 1 << HISTORY_LOG],
      hasChecksum: false,
      compress(bytes, history) {
        const content = Buffer.concat([NEWLINE, bytes])
        return new Blocks(Buffer.concat([RESET, blocksIn(compressFrame(content, history))]))
      },
      // the next colons are there already when the history is used
      contentOf: (bytes) => Buffer.concat([NEWLINE, bytes, COLONS]),
      store: (bytes) => new Blocks(Buffer.concat([blockHead(bytes.length, 0), bytes])),
      endOf: () => END,
    }
  : undefined

function canCompress(): boolean {
  if (typeof zlib.zstdCompressSync !== "function") return false
  // an option that is not known is ignored
  const text = Buffer.from("how vexingly quick daft zebras jump: 0123456789")
  const frame = compressFrame(text, text)
  return frame.length < text.length / 2 && frame.subarray(0, HEAD.length - 1).equals(HEAD.subarray(0, -1))
}
