import { constants, gunzipSync } from "node:zlib"
import type { Frame, Piece } from "../../src/frame.ts"
import { GzipSink, type PieceSink } from "../../src/node/gzip-sink.ts"
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
export class Gzipped implements Sink {
  text = ""
  readonly out: Bytes = new Bytes()
  readonly #sink: GzipSink = new GzipSink(this.out)

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
    return gunzipSync(this.bytes, isEnded ? {} : { finishFlush: constants.Z_SYNC_FLUSH }).toString()
  }
}
