import { createHash } from "node:crypto"
import type { IncomingHttpHeaders, ServerResponse } from "node:http"
import { CREDENTIALS } from "./headers.ts"

/** The caller of a request that uses the gateway's key. */
export interface GatewayCaller {
  /** Requests of the same owner can read and stop each other's runs. */
  readonly owner: string
  /**
   * Called when a response becomes a stream. `signal` ends the stream, and `headers` are added to the response.
   * @param isNew whether the request starts a run, rather than reading one
   */
  openStream(
    res: ServerResponse,
    options: { readonly isNew: boolean },
  ): { readonly signal: AbortSignal; readonly headers: Readonly<Record<string, string>> }
}

/** Query parameters in which some providers accept a key. */
const PARAMETERS: readonly string[] = ["key", "api_key", "api-key", "subscription-key", "access_token"]

/**
 * Returns the owner of a request: a hash of its credentials. A request can read and stop runs of the same owner. All requests without
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
