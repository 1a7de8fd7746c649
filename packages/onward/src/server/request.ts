/** Content codings of streams. */
export type ContentCoding = "gzip" | "zstd"

/** Response headers, by name. */
type Headers = Readonly<Record<string, string>>

/** The headers of a stream, and its content coding; undefined for plain text. */
export interface Negotiated {
  readonly headers: Headers
  readonly coding?: ContentCoding | undefined
}

/** A request, independent of its framework. */
export interface StreamRequest {
  readonly method: string
  /** Path and query, or an absolute URL. */
  readonly url: string
  /** A header by its lower-case name. */
  header(name: string): string | undefined
  /** Chooses the stream's content coding, and returns its headers. Absent where no coding is supported. */
  negotiate?(headers: Headers, preferred: ContentCoding): Negotiated
  /** Whether the client has disconnected already. */
  readonly hasLeft?: boolean
  /** The signal of a fetch `Request`. */
  readonly signal?: AbortSignal
  /** Calls back when the client disconnects; returns the undo. */
  onLeave(left: () => void): () => void
}

let lastUrl = ""
let lastQuery = new URLSearchParams()

/** The query of a request, which must not be changed: it is parsed once for requests with the same URL, one after the other. */
export function queryOf({ url }: StreamRequest): Pick<URLSearchParams, "get"> {
  if (url !== lastUrl) lastQuery = new URLSearchParams((lastUrl = url).slice(url.search(/\?|$/)))
  return lastQuery
}
