/** Whether a client that sent this `Accept-Encoding` is to get gzip (RFC 9110 section 12.5.3): it must ask, and not prefer otherwise. */
export function acceptsGzip(accept: string | undefined): boolean {
  const weights = new Map<string, number>()
  for (const part of accept?.split(",") ?? []) {
    const [coding = "", ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase())
    const q = parameters.find((parameter) => parameter.startsWith("q="))
    weights.set(coding, q === undefined ? 1 : Number.parseFloat(q.slice(2)))
  }
  // x-gzip is the same (section 8.4.1.3)
  const gzip = weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0
  return gzip > 0 && gzip >= (weights.get("identity") ?? 0)
}

/** Chooses the coding of a stream by the request's `Accept-Encoding`, and says so in its headers. */
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
