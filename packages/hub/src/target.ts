import type { IncomingMessage } from "node:http"

/** The target of a request: its URL and its host. */
export interface Target {
  /** Shared by requests with the same text, so it must not be changed. */
  readonly url: URL
  readonly host: string
}

/** URLs by their text, because thousands of clients can request the same one. */
const parsed = new Map<string, URL>()
const MAX_PARSED = 256
/** Maximum length of a text in it, in characters. */
const MAX_PARSED_CHARS = 1_024

function urlOf(path: string): URL | null {
  const known = parsed.get(path)
  if (known) return known
  const url = URL.parse(`http://hub${path}`)
  if (!url || path.length > MAX_PARSED_CHARS) return url
  if (parsed.size >= MAX_PARSED) parsed.clear()
  parsed.set(path, url)
  return url
}

/**
 * Parses the target of a request: a path, or an absolute URL, as clients of proxies send it (RFC 9112 section 3.2), whose host then replaces the
 * `Host` header. Afterwards `req.url` is a path. Returns undefined for any other target.
 */
export function targetOf(req: IncomingMessage): Target | undefined {
  const { url: text = "", headers } = req
  const isAbsolute = !text.startsWith("/") && /^https?:\/\//i.test(text)
  const url = isAbsolute ? URL.parse(text) : text.startsWith("/") ? urlOf(text) : null
  if (!url) return undefined
  // HTTP/2 has a separate field for the host (RFC 9113, section 8.3.1)
  const authority = (headers as Readonly<Record<string, string | undefined>>)[":authority"]
  if (!isAbsolute) return { url, host: headers.host ?? authority ?? "" }
  req.url = url.pathname + url.search
  return { url, host: url.host }
}
