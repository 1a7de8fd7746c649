import type { IncomingMessage } from "node:http"
import { PassThrough, Transform, type Readable, type TransformCallback } from "node:stream"
import zlib from "node:zlib"
import { OnwardError } from "onward"

// zstd exists since Node 22.15: an import by name would keep the hub from starting on older ones
const { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } = zlib

/** Content codings (RFC 9110 section 8.4.1) that this process can decode. */
const DECODERS: Readonly<Partial<Record<string, () => Transform>>> = {
  gzip: () => new ChosenDecoder(gunzipFor),
  "x-gzip": () => new ChosenDecoder(gunzipFor),
  deflate: () => new ChosenDecoder(inflateFor),
  br: () => createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  ...(typeof createZstdDecompress === "function" && {
    zstd: () => createZstdDecompress({ finishFlush: constants.ZSTD_e_flush }),
  }),
}

/** Decodes a truncated body as far as it goes. {@link cutOf} tells that it was cut. */
const TRUSTING = { finishFlush: constants.Z_SYNC_FLUSH }

/** Some servers declare gzip for a body that is not compressed. No text begins as gzip does (RFC 1952 section 2.3.1). */
const gunzipFor = (first: number): Transform => (first === 0x1f ? createGunzip(TRUSTING) : new PassThrough())

/** Some servers send deflate without the head of zlib. Browsers look at the same four bits (RFC 1950 section 2.2). */
const inflateFor = (first: number): Transform =>
  (first & 0x0f) === 8 ? createInflate(TRUSTING) : createInflateRaw(TRUSTING)

/** A decoder that is chosen by the first byte of a body. */
class ChosenDecoder extends Transform {
  readonly #choose: (first: number) => Transform
  #inner: Transform | undefined

  constructor(choose: (first: number) => Transform) {
    super()
    this.#choose = choose
  }

  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    const [first] = bytes
    if (first === undefined) return done()
    this.#inner ??= this.#open(first)
    this.#inner.write(bytes, () => done())
  }

  #open(first: number): Transform {
    const inner = this.#choose(first)
    inner.on("data", (bytes) => {
      if (!this.push(bytes)) inner.pause()
    })
    inner.on("error", (error) => this.destroy(error))
    return inner
  }

  override _read(size: number): void {
    this.#inner?.resume()
    super._read(size)
  }

  override _flush(done: TransformCallback): void {
    if (!this.#inner) return done()
    this.#inner.once("end", () => done()).end()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inner?.destroy()
    done(error)
  }
}

const cuts = new WeakMap<Readable, Error>()

/** Returns the error that cut a decoded body, whose stream ends like that of a complete one. */
export const cutOf = (body: Readable): Error | undefined => cuts.get(body)

/** Values that some servers send for a body without a coding. */
const NO_CODING = /^(?:|identity|none|utf-?8|aws-chunked)$/

/** Returns the codings of a body, in the order in which they were applied. */
const codingsOf = ({ headers }: IncomingMessage): readonly string[] =>
  (headers["content-encoding"] ?? "")
    .toLowerCase()
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => !NO_CODING.test(coding))

export const isEncoded = (answer: IncomingMessage): boolean => codingsOf(answer).length > 0

/**
 * Returns the decoded body of a response: some providers compress although the gateway did not ask for it.
 * @throws OnwardError `bad_content_type` for an unknown coding
 */
export function decodedBody(answer: IncomingMessage): Readable {
  const codings = codingsOf(answer)
  const decoders = codings.map((coding) => DECODERS[coding])
  if (codings.length > 2 || decoders.includes(undefined)) {
    throw new OnwardError(
      "bad_content_type",
      `The upstream's response has the content coding "${codings.join(", ").slice(0, 100)}", which the gateway cannot decode. Disable it at the upstream.`,
    )
  }
  return decoders.reduceRight<Readable>((body, make) => join(body, (make as () => Transform)()), answer)
}

/** Pipes a body through a decoder. A body that is cut is decoded as far as it arrived. */
function join(body: Readable, decoder: Transform): Readable {
  const end = (): void => void decoder.end()
  const cut = (error: Error): void => {
    cuts.set(decoder, error)
    end()
  }
  body.once("error", cut).once("end", () => {
    const error = cuts.get(body)
    if (error) cut(error)
    else end()
  })
  // the reader gets the error, possibly later
  decoder.on("error", () => {}).once("close", () => body.destroy())
  return body.pipe(decoder, { end: false })
}
