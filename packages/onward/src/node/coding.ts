import { acceptWeights } from "../accept.ts"

/** Whether a client with this `Accept-Encoding` gets gzip (RFC 9110 section 12.5.3): only if it names it, and does not prefer plain text. */
export function acceptsGzip(accept: string | undefined): boolean {
  const weights = acceptWeights(accept ?? "")
  // x-gzip is the same (section 8.4.1.3)
  const gzip = weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0
  return gzip > 0 && gzip >= (weights.get("identity") ?? 0)
}

/** Chooses the content coding of a stream by the request's `Accept-Encoding`, and returns the headers with it. */
export function negotiate(
  headers: Readonly<Record<string, string>>,
  accept: string | undefined,
): { readonly headers: Readonly<Record<string, string>>; readonly isGzip: boolean } {
  const isGzip = acceptsGzip(accept)
  const others = Object.entries(headers).filter(([name]) => name.toLowerCase() !== "vary")
  const varying = Object.entries(headers).filter(([name]) => name.toLowerCase() === "vary")
  const vary = [...varying.map(([, value]) => value), "Accept-Encoding"].join(", ")
  return { headers: { ...Object.fromEntries(others), vary, ...(isGzip && { "content-encoding": "gzip" }) }, isGzip }
}
