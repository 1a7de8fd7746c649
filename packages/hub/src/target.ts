import type { IncomingMessage } from "node:http"

/** The target of a request: its URL and its host. */
export interface Target {
  readonly url: URL
  readonly host: string
}

/**
 * Parses the target of a request: a path, or an absolute URL, as clients of proxies send it (RFC 9112 section 3.2), whose host then replaces the
 * `Host` header. Afterwards `req.url` is a path. Returns undefined for any other target.
 */
export function targetOf(req: IncomingMessage): Target | undefined {
  const { url: text = "", headers } = req
  const isAbsolute = /^https?:\/\//i.test(text)
  const url = isAbsolute ? URL.parse(text) : text.startsWith("/") ? URL.parse(`http://hub${text}`) : null
  if (!url) return undefined
  // HTTP/2 has a separate field for the host (RFC 9113, section 8.3.1)
  const authority = (headers as Readonly<Record<string, string | undefined>>)[":authority"]
  if (!isAbsolute) return { url, host: headers.host ?? authority ?? "" }
  req.url = url.pathname + url.search
  return { url, host: url.host }
}
