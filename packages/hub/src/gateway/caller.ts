import { createHash } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"

/** Headers that clients of providers name themselves by. */
const CREDENTIALS = ["authorization", "api-key", "x-api-key"]

/** Whose runs a request may see: who sends the same credential. Only its hash is kept; nobody's key is, and without one all are the same. */
export function ownerOf(headers: IncomingHttpHeaders): string {
  const hash = createHash("sha256")
  for (const name of CREDENTIALS) hash.update(`${name}: ${String(headers[name] ?? "")}\n`)
  return hash.digest("hex")
}
