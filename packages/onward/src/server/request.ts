/** Response headers, by name. */
type Headers = Readonly<Record<string, string>>

/** What the response rules need of a request, whatever framework it came by. */
export interface StreamRequest {
  readonly method: string
  /** Path and query, or an absolute URL. */
  readonly url: string
  /** A header by its lower-case name. */
  header(name: string): string | undefined
  /** Where streams can be written as gzip: whether this one is to be, and its headers then. */
  negotiate?(headers: Headers): { readonly headers: Headers; readonly isGzip: boolean }
  /** Calls back when the client leaves; returns the undo. */
  onLeave(left: () => void): () => void
}

/**
 * A header value as the client meant it. Node and fetch hand header bytes over as Latin-1 (Fetch, "isomorphic decode"), while
 * an EventSource sends its last event id as UTF-8 (WHATWG HTML section 9.2.4). Bytes that are no UTF-8 stay as they are.
 */
export function decodeHeader(value: string): string {
  if (!/[\u0080-\u00ff]/.test(value) || /[^\u0000-\u00ff]/.test(value)) return value // oxlint-disable-line no-control-regex -- the byte range
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(value, (char) => char.charCodeAt(0)),
    )
  } catch {
    return value
  }
}
