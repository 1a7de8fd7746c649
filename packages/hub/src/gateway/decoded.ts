import type { IncomingMessage } from "node:http"
import { pipeline, type Readable, type Transform } from "node:stream"
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib"
import { OnwardError } from "onward"

/** Codings of HTTP (RFC 9110 section 8.4.1) that this process can read. Older lines of Node have no zstd. */
const DECODERS: Readonly<Partial<Record<string, () => Transform>>> = {
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
  deflate: () => createInflate(),
  br: () => createBrotliDecompress(),
  ...(typeof createZstdDecompress === "function" && { zstd: () => createZstdDecompress() }),
}

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
  return decoders.reduceRight<Readable>((body, make) => pipeline(body, (make as () => Transform)(), () => {}), answer)
}
