import http, { type IncomingHttpHeaders, type IncomingMessage } from "node:http"
import https from "node:https"
import type { Readable } from "node:stream"
import { constants, createBrotliDecompress, createGunzip, createInflate } from "node:zlib"
import { fault, type ByteReader, type FetchedResponse } from "./request.ts"

const KEEP_ALIVE = 15_000
/** Fetch section 4.4. */
const MAX_REDIRECTS = 20
/** What may follow to another origin; whatever else the caller set may be a secret. */
const HARMLESS = new Set(["accept", "accept-language", "cache-control", "content-type", "last-event-id", "pragma"])

/**
 * As much of `fetch` as the client needs, on `node:http` and `node:https`: bodies may be quiet for as long as they like (Node's own ends them
 * after 300 s), and an event costs a fraction. It follows redirects by itself: no header of the caller's goes to another origin.
 */
export async function nodeFetch(url: string, init: RequestInit): Promise<FetchedResponse> {
  const signal = init.signal as AbortSignal
  // knows each kind of body, and what type it says it is
  const source = new Response(init.body ?? null)
  let body = init.body == null ? undefined : Buffer.from(await source.arrayBuffer())
  let method = (init.method ?? "GET").toUpperCase()
  const headers = new Headers(init.headers)
  const type = source.headers.get("content-type")
  if (type !== null && !headers.has("content-type")) headers.set("content-type", type)
  // what `cache: "no-store"` stands for (Fetch section 4.5)
  if (!headers.has("cache-control")) headers.set("cache-control", "no-cache")
  checkId(headers.get("last-event-id") ?? "")
  let at = new URL(url)
  for (let redirects = 0; ; redirects++) {
    const message = await request(at, { method, headers: Object.fromEntries(headers), signal }, body)
    const { statusCode: status = 0 } = message
    const location = [301, 302, 303, 307, 308].includes(status) ? message.headers.location : undefined
    if (location === undefined) return answerOf(message, at)
    message.destroy()
    const to = URL.parse(Buffer.from(location, "latin1").toString(), at)
    if (!to || !/^https?:$/.test(to.protocol) || redirects === MAX_REDIRECTS) {
      throw fault("redirect_refused", `the redirect to "${location}" leads nowhere`, status)
    }
    if (to.origin !== at.origin) {
      for (const name of [...headers.keys()]) if (!HARMLESS.has(name)) headers.delete(name)
    }
    if ((status === 303 && method !== "HEAD") || (status < 303 && method === "POST")) {
      method = "GET"
      body = undefined
      for (const name of [...headers.keys()]) if (name.startsWith("content-")) headers.delete(name)
    }
    at = to
  }
}

function checkId(id: string): void {
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(id)) return // what node:http lets pass
  throw fault("invalid_message", "the last event id has control characters, which node:http does not send")
}

function request(url: URL, options: http.RequestOptions, body: Buffer | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === "https:" ? https : http
    // no pool: a stream has its connection for itself, and a pooled one may be dead already
    const sent = request(url, { ...options, agent: false }, resolve)
    // tells of a dead peer where there are no heartbeats
    sent.on("socket", (socket) => socket.setKeepAlive(true, KEEP_ALIVE))
    sent.on("error", reject)
    sent.end(body)
  })
}

function answerOf(message: IncomingMessage, url: URL): FetchedResponse {
  const { statusCode: status = 0, headers } = message
  return {
    status,
    url: url.href,
    headers: { get: (name) => valueOf(headers, name) },
    body: { getReader: () => readerOf(decoded(message)) },
  }
}

function valueOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name]
  return Array.isArray(value) ? value.join(", ") : (value ?? null)
}

/** Servers that compress unasked are understood; each flush of theirs comes out at once. */
function decoded(message: IncomingMessage): Readable {
  const flush = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH }
  const encoding = message.headers["content-encoding"]?.toLowerCase()
  const decoder =
    encoding === "gzip" || encoding === "x-gzip"
      ? createGunzip(flush)
      : encoding === "deflate"
        ? createInflate(flush)
        : encoding === "br"
          ? createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH })
          : undefined
  if (!decoder) return message
  message.on("error", (error) => decoder.destroy(error))
  return message.pipe(decoder)
}

/** Reads what has come, all of it at once; while nobody reads, the socket fills up and the server notices. */
function readerOf(stream: Readable): ByteReader {
  let wake = (): void => {}
  let isOver = false
  let failure: Error | undefined
  const over = (error?: Error): void => {
    isOver = true
    failure ??= error
    wake()
  }
  stream.on("readable", () => wake())
  stream.on("end", () => over())
  stream.on("error", over)
  stream.on("close", () => over())
  return {
    async read() {
      for (;;) {
        const value = stream.read() as Buffer | null
        if (value) return { done: false, value }
        if (failure) throw failure
        if (isOver) return { done: true }
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
    async cancel() {
      stream.destroy()
    },
  }
}
