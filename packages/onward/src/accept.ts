/** The weights in a header like `Accept` or `Accept-Encoding` by lower-case name; 1 unless given (RFC 9110 section 12.4.2). */
export function acceptWeights(header: string): Map<string, number> {
  const weights = new Map<string, number>()
  for (const part of header.split(",")) {
    const [name = "", ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase())
    const q = parameters.find((parameter) => parameter.startsWith("q="))
    weights.set(name, q === undefined ? 1 : Number.parseFloat(q.slice(2)))
  }
  return weights
}
