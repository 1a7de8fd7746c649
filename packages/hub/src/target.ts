import type { IncomingMessage } from "node:http"

/** What a request asks for, and of which host. */
export interface Target {
  readonly url: URL
  readonly host: string
}

/**
 * Reads the target of a request: a path, or an absolute address, as clients of proxies send it (RFC 9112 section 3.2), whose host then
 * counts instead of the `Host` header's. Code that reads the request later finds a path in it. Undefined for any other target.
 */
export function targetOf(req: IncomingMessage): Target | undefined {
  const { url: text = "", headers } = req
  const isAbsolute = /^https?:\/\//i.test(text)
  const url = isAbsolute ? URL.parse(text) : text.startsWith("/") ? URL.parse(`http://hub${text}`) : null
  if (!url) return undefined
  // HTTP/2 names the host in a field of its own (RFC 9113, section 8.3.1)
  const authority = (headers as Readonly<Record<string, string | undefined>>)[":authority"]
  if (!isAbsolute) return { url, host: headers.host ?? authority ?? "" }
  req.url = url.pathname + url.search
  return { url, host: url.host }
}
