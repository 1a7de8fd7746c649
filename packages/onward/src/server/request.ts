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
  /** Whether the client has left already. */
  readonly hasLeft?: boolean
  /** That of a fetch `Request`, aborted when the client leaves. */
  readonly signal?: AbortSignal
  /** Calls back when the client leaves; returns the undo. */
  onLeave(left: () => void): () => void
}
