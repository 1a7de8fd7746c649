import { createHash } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"
import { CREDENTIALS } from "./headers.ts"

/** Parameters of a query that some providers take a key in. */
const PARAMETERS: readonly string[] = ["key", "api_key", "api-key", "subscription-key", "access_token"]

/**
 * Whose runs a request may read and stop: those asked for with the same credentials. Only a hash of these is kept. All requests without
 * credentials have the same owner.
 */
export function ownerOf(headers: IncomingHttpHeaders, search: string): string {
  const hash = createHash("sha256")
  for (const name of CREDENTIALS) hash.update(`${name}: ${JSON.stringify(headers[name] ?? "")}\n`)
  const query = new URLSearchParams(search)
  for (const name of PARAMETERS)
    for (const value of query.getAll(name)) hash.update(`?${name}=${JSON.stringify(value)}\n`)
  return hash.digest("hex")
}
