import { execFileSync } from "node:child_process"
import zlib from "node:zlib"
import type { Frame, Piece } from "../../src/frame.ts"
import { CompressSink, type PieceSink } from "../../src/node/compress-sink.ts"
import { coders } from "../../src/node/coding.ts"
import type { ContentCoding } from "../../src/server/index.ts"
import type { Sink, SinkOwner } from "../../src/sink.ts"

/** Keeps the bytes of one stream; full when a test says so. */
class Bytes implements PieceSink {
  owner: SinkOwner | undefined
  readonly parts: Uint8Array[] = []
  room = Infinity
  ending: "ended" | "aborted" | undefined

  write({ bytes, chunk }: Piece): boolean {
    const head = Buffer.from(`${bytes.length.toString(16)}\r\n`)
    if (Buffer.concat([head, bytes, Buffer.from("\r\n")]).compare(chunk) !== 0) throw new Error("not one chunk")
    this.parts.push(bytes)
    this.room -= bytes.length
    return this.room > 0
  }

  close(options?: { readonly abort?: boolean }): void {
    this.ending ??= options?.abort ? "aborted" : "ended"
  }
}

/** A compressed stream beside the text that it stands for. */
export class Compressed implements Sink {
  text = ""
  readonly out: Bytes = new Bytes()
  readonly #coding: ContentCoding
  readonly #sink: CompressSink

  constructor(coding: ContentCoding, { isAlone = false }: { readonly isAlone?: boolean } = {}) {
    const coder = coders[coding]
    if (!coder) throw new Error(`this Node has no ${coding}`)
    this.#coding = coding
    this.#sink = new CompressSink(this.out, coder, { isAlone })
  }

  get owner(): SinkOwner | undefined {
    return this.#sink.owner
  }

  set owner(owner: SinkOwner | undefined) {
    this.#sink.owner = owner
  }

  write(frame: Frame, audience?: object): boolean {
    this.text += frame.text
    return this.#sink.write(frame, audience)
  }

  writeText(text: string): boolean {
    this.text += text
    return this.#sink.writeText(text)
  }

  close(options?: { readonly abort?: boolean }): void {
    this.#sink.close(options)
  }

  get bytes(): Buffer {
    return Buffer.concat(this.out.parts)
  }

  /** What a decoder makes of the bytes; of an ended stream it checks sum and length, and that nothing is missing. */
  get decoded(): string {
    const isEnded = this.out.ending === "ended"
    const { ZSTD_e_end, ZSTD_e_flush, Z_FINISH, Z_SYNC_FLUSH } = zlib.constants
    return this.#coding === "gzip"
      ? zlib.gunzipSync(this.bytes, { finishFlush: isEnded ? Z_FINISH : Z_SYNC_FLUSH }).toString()
      : withoutColons(zlib.zstdDecompressSync(this.bytes, { finishFlush: isEnded ? ZSTD_e_end : ZSTD_e_flush }))
  }

  /** What the command `gzip` or `zstd` makes of an ended stream. */
  get decodedByCommand(): string {
    const options = { input: this.bytes, maxBuffer: 1e8 }
    return withoutColons(execFileSync(this.#coding, ["--decompress", "--stdout"], options))
  }
}

/** zstd streams have a comment of 33 colons before each block that was compressed. */
export const withoutColons = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString()
    .replaceAll(/^:{33}\n/gm, "")

/** The codings that this Node has. */
export const CODINGS = Object.keys(coders) as ContentCoding[]
