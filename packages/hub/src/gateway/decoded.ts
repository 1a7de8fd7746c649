import type { IncomingMessage } from "node:http"
import type { Readable, Transform } from "node:stream"
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib"
import { OnwardError } from "onward"

/** Codings of HTTP (RFC 9110 section 8.4.1) that this process can read. Older lines of Node have no zstd. */
const DECODERS: Readonly<Partial<Record<string, () => Transform>>> = {
  gzip: () => createGunzip(TRUSTING),
  "x-gzip": () => createGunzip(TRUSTING),
  deflate: () => createInflate(TRUSTING),
  br: () => createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  ...(typeof createZstdDecompress === "function" && {
    zstd: () => createZstdDecompress({ finishFlush: constants.ZSTD_e_flush }),
  }),
}

/** What was cut off is given as far as it came: whether it was is known from the answer. */
const TRUSTING = { finishFlush: constants.Z_SYNC_FLUSH }

/** Why decoded bodies ended before their end. */
const cuts = new WeakMap<Readable, Error>()

/** What cut a body off, although it ended like a whole one. */
export const cutOf = (body: Readable): Error | undefined => cuts.get(body)

/** The codings a body has, in the order they were applied. */
const codingsOf = ({ headers }: IncomingMessage): readonly string[] =>
  (headers["content-encoding"] ?? "")
    .toLowerCase()
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "identity")

export const isEncoded = (answer: IncomingMessage): boolean => codingsOf(answer).length > 0

/**
 * The body of an answer without its codings: providers compress although they were asked not to.
 * @throws OnwardError `bad_content_type` for a coding that is unknown here
 */
export function decodedBody(answer: IncomingMessage): Readable {
  const codings = codingsOf(answer)
  const decoders = codings.map((coding) => DECODERS[coding])
  if (codings.length > 2 || decoders.includes(undefined)) {
    throw new OnwardError(
      "bad_content_type",
      `the upstream sent an answer with the content coding ${codings.join(", ").slice(0, 100)}, which the gateway cannot read`,
    )
  }
  return decoders.reduceRight<Readable>((body, make) => join(body, (make as () => Transform)()), answer)
}

/** Puts a decoder behind a body. Of a body that is cut off, it still gives what it can. */
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
  // told to whoever reads it, and that may be later
  decoder.on("error", () => {}).once("close", () => body.destroy())
  return body.pipe(decoder, { end: false })
}
