import type { Finding } from "./finding.ts"

/** What a status means for a stream, where it is none. */
const STATUSES: Readonly<Record<number, string>> = {
  204: "the server says that this stream is over: ask without Last-Event-ID",
  401: "say who you are: --header 'authorization: Bearer …'",
  403: "this one may not read it, or the server is told apart by its name in Host",
  404: "there is nothing at this path",
  405: "the path exists, and takes no GET",
  406: "the server does not answer with an event stream here",
  429: "too many streams of one user: close some, or raise limits.connectionsPerKey",
  503: "the server is full or drains: come back later",
}

/** What the head of an answer says about its stream. */
export function headOf({ status, headers }: Response, url: URL): Finding[] {
  if (isRefusedStream(headers)) {
    const todo = "a proxy on the way reads whole responses: have it let text/event-stream pass"
    return [
      { kind: "bad", text: `a proxy refuses to hand on what comes as it comes: ${status}, incremental_refused`, todo },
    ]
  }
  if (status !== 200) {
    const to = headers.get("location")
    const todo = to === null ? STATUSES[status] : `use the address it leads to, ${to}`
    return [{ kind: "bad", text: `the answer is ${status}, no stream`, ...(todo !== undefined && { todo }) }]
  }
  const type = headers.get("content-type") ?? ""
  if (!/^text\/event-stream\b/i.test(type)) {
    const text = `the content type is "${type}", not text/event-stream`
    return [{ kind: "bad", text, todo: "an EventSource refuses it: check the path, and who answers" }]
  }
  return [{ kind: "ok", text: "200, text/event-stream" }, ...caching(headers), ...transforming(headers, url)]
}

function caching(headers: Headers): Finding[] {
  const control = headers.get("cache-control") ?? ""
  if (/no-store/i.test(control)) return [{ kind: "ok", text: "no cache may keep it" }]
  const todo = "send Cache-Control: no-store, no-transform, or a shared cache may give it to somebody else"
  return [{ kind: "bad", text: control === "" ? "no Cache-Control" : `Cache-Control: ${control}`, todo }]
}

function transforming(headers: Headers, url: URL): Finding[] {
  const found: Finding[] = []
  const encoding = headers.get("content-encoding")
  const isForbidden = /no-transform/i.test(headers.get("cache-control") ?? "")
  if (encoding !== null) {
    const todo = 'fine if it is compress: "shared" of Onward; else leave text/event-stream out of compression'
    found.push({ kind: "note", text: `it comes compressed: ${encoding}`, todo })
  } else if (!isForbidden) {
    const todo = "send Cache-Control: no-transform, or a proxy may compress it, and hold it for that"
    found.push({ kind: "bad", text: "proxies may change it", todo })
  }
  if (headers.get("content-length") !== null) {
    found.push({ kind: "bad", text: "it has a Content-Length", todo: "send it as it comes, without one" })
  }
  if (/^\s*\?1/.test(headers.get("incremental") ?? "")) {
    found.push({ kind: "ok", text: "proxies are asked to hand it on as it comes: Incremental: ?1" })
  } else {
    const todo = "send Incremental: ?1 (RFC 10036), which tells proxies that know it not to hold it"
    found.push({ kind: "note", text: "no Incremental", todo })
  }
  if (headers.get("x-accel-buffering") === null) {
    // nginx takes it away from what it heeds
    const isNginx = /nginx/i.test(headers.get("server") ?? "")
    const todo = "send X-Accel-Buffering: no, or nginx holds it"
    if (!isNginx) found.push({ kind: "note", text: "no X-Accel-Buffering", todo })
  }
  if (url.protocol === "http:" && !/^(?:localhost|127\.|\[::1\])/.test(url.hostname)) {
    const todo = "use HTTPS: scanners read plain HTTP, and HTTP/2 is for HTTPS only"
    found.push({ kind: "note", text: "plain HTTP", todo })
  }
  return found
}

/** A proxy that does not hand on a response before it has all of it, and says so (RFC 10036 section 4). */
export const isRefusedStream = (headers: Headers): boolean =>
  (headers.get("proxy-status") ?? "").includes("incremental_refused")

/** Why there was no answer, in a line. */
export function unanswered(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: string; readonly message?: string } }
  return `no connection: ${cause?.code ?? cause?.message ?? String(error)}`
}
