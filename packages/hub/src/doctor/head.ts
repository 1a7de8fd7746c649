import type { Finding } from "./finding.ts"

/** The advice for each status. */
const STATUSES: Readonly<Record<number, string>> = {
  204: "the server says that this stream has ended: request it without Last-Event-ID",
  401: "send credentials: --header 'authorization: Bearer …'",
  403: "these credentials cannot read the stream, or the server does not accept this host name",
  404: "check the path: the server has nothing there",
  405: "the path does not accept GET",
  406: "the path does not return an event stream",
  429: "the user has too many streams: close some, or raise limits.connectionsPerKey",
  503: "the server is full or shutting down: retry later",
}

/** Returns the findings about the head of a response. */
export function headOf({ status, headers }: Response, url: URL): Finding[] {
  if (isRefusedStream(headers)) {
    const todo = "the proxy reads whole responses first: configure it to stream text/event-stream"
    return [{ kind: "bad", text: `a proxy refuses to stream: ${status}, incremental_refused`, todo }]
  }
  if (status !== 200) {
    const to = headers.get("location")
    const todo = to === null ? STATUSES[status] : `request the target of the redirect, ${to}`
    return [{ kind: "bad", text: `the status is ${status}, not 200`, ...(todo !== undefined && { todo }) }]
  }
  const type = headers.get("content-type") ?? ""
  if (!/^text\/event-stream\b/i.test(type)) {
    const text = `the content type is "${type}", not text/event-stream`
    return [{ kind: "bad", text, todo: "an EventSource refuses it: check the path, and which server answers" }]
  }
  return [{ kind: "ok", text: "200, text/event-stream" }, ...caching(headers), ...transforming(headers, url)]
}

function caching(headers: Headers): Finding[] {
  const control = headers.get("cache-control") ?? ""
  if (/no-store/i.test(control)) return [{ kind: "ok", text: "caches do not store it" }]
  const todo = "send Cache-Control: no-store, no-transform: a shared cache can give this response to another user"
  return [{ kind: "bad", text: control === "" ? "no Cache-Control" : `Cache-Control: ${control}`, todo }]
}

function transforming(headers: Headers, url: URL): Finding[] {
  const found: Finding[] = []
  const encoding = headers.get("content-encoding")
  const isForbidden = /no-transform/i.test(headers.get("cache-control") ?? "")
  if (encoding !== null) {
    const todo = 'correct for compress: "shared" of Onward; otherwise exclude text/event-stream from compression'
    found.push({ kind: "note", text: `the response is compressed: ${encoding}`, todo })
  } else if (!isForbidden) {
    const todo = "send Cache-Control: no-transform: a proxy that compresses also buffers"
    found.push({ kind: "bad", text: "proxies can transform it", todo })
  }
  if (headers.get("content-length") !== null) {
    found.push({ kind: "bad", text: "the response has a Content-Length", todo: "remove it, and stream the body" })
  }
  if (/^\s*\?1/.test(headers.get("incremental") ?? "")) {
    found.push({ kind: "ok", text: "the response asks proxies not to buffer: Incremental: ?1" })
  } else {
    const todo = "send Incremental: ?1 (RFC 10036), which asks proxies not to buffer"
    found.push({ kind: "note", text: "no Incremental header", todo })
  }
  if (headers.get("x-accel-buffering") === null) {
    // nginx removes the header that it obeys
    const isNginx = /nginx/i.test(headers.get("server") ?? "")
    const todo = "send X-Accel-Buffering: no, or nginx buffers the stream"
    if (!isNginx) found.push({ kind: "note", text: "no X-Accel-Buffering header", todo })
  }
  if (url.protocol === "http:" && !/^(?:localhost|127\.|\[::1\])/.test(url.hostname)) {
    const todo = "use HTTPS: scanners read plain HTTP, and browsers use HTTP/2 over TLS only"
    found.push({ kind: "note", text: "plain HTTP", todo })
  }
  return found
}

/** Whether a proxy that reads whole responses refused to stream (RFC 10036 section 4). */
export const isRefusedStream = (headers: Headers): boolean =>
  (headers.get("proxy-status") ?? "").includes("incremental_refused")

/** Returns why there was no response, in one line. */
export function unanswered(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: string; readonly message?: string } }
  return `no connection: ${cause?.code ?? cause?.message ?? String(error)}`
}
