import { acceptWeights } from "../accept.ts"
import type { ContentCoding } from "../server/index.ts"
import type { Coder } from "./coder.ts"
import { gzip } from "./gzip.ts"
import { zstd } from "./zstd.ts"

/** The codings that this runtime can produce. */
export const coders: Readonly<Partial<Record<ContentCoding, Coder>>> = { gzip, ...(zstd && { zstd }) }

/**
 * The coding for a client with this `Accept-Encoding`, undefined for plain text (RFC 9110 section 12.5.3): the one that it prefers, or `preferred`
 * if it prefers none. Plain text is sent only if the client names no coding that can be produced, or prefers plain text.
 */
export function codingFor(
  accept: string | undefined,
  preferred: ContentCoding,
  possible: readonly string[] = Object.keys(coders),
): ContentCoding | undefined {
  const weights = acceptWeights(accept ?? "")
  const any = weights.get("*") ?? 0
  const weightOf: Readonly<Record<ContentCoding, number>> = {
    // x-gzip is the same (section 8.4.1.3)
    gzip: (weights.get("gzip") ?? weights.get("x-gzip") ?? any) || 0,
    zstd: (possible.includes("zstd") && (weights.get("zstd") ?? any)) || 0,
  }
  const other = preferred === "gzip" ? "zstd" : "gzip"
  const best = weightOf[other] > weightOf[preferred] ? other : preferred
  const isWanted = weightOf[best] > 0 && weightOf[best] >= (weights.get("identity") ?? 0)
  return isWanted ? best : undefined
}

/** Chooses the content coding of a stream by the request's `Accept-Encoding`, and returns the headers with it. */
export function negotiate(
  headers: Readonly<Record<string, string>>,
  accept: string | undefined,
  preferred: ContentCoding,
): { readonly headers: Readonly<Record<string, string>>; readonly coding: ContentCoding | undefined } {
  const coding = codingFor(accept, preferred)
  const others = Object.entries(headers).filter(([name]) => name.toLowerCase() !== "vary")
  const varying = Object.entries(headers).filter(([name]) => name.toLowerCase() === "vary")
  const vary = [...varying.map(([, value]) => value), "Accept-Encoding"].join(", ")
  return { headers: { ...Object.fromEntries(others), vary, ...(coding && { "content-encoding": coding }) }, coding }
}
