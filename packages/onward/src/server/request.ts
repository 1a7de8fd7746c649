/** Response headers, by name. */
type Headers = Readonly<Record<string, string>>

/** A request, independent of its framework. */
export interface StreamRequest {
  readonly method: string
  /** Path and query, or an absolute URL. */
  readonly url: string
  /** A header by its lower-case name. */
  header(name: string): string | undefined
  /** Decides whether the stream is sent as gzip, and returns its headers. Absent where gzip is not supported. */
  negotiate?(headers: Headers): { readonly headers: Headers; readonly isGzip: boolean }
  /** Whether the client has disconnected already. */
  readonly hasLeft?: boolean
  /** The signal of a fetch `Request`. */
  readonly signal?: AbortSignal
  /** Calls back when the client disconnects; returns the undo. */
  onLeave(left: () => void): () => void
}
