import http, { type IncomingHttpHeaders, type IncomingMessage } from "node:http"
import https from "node:https"
import type { Readable } from "node:stream"
import { constants, createBrotliDecompress, createGunzip, createInflate } from "node:zlib"
import { SAFE_METHODS } from "../methods.ts"
import { fault, WHOLE_URL, type ByteReader, type FetchedResponse, type FetchInit } from "./request.ts"

const KEEP_ALIVE = 15_000
/** Fetch section 4.4. */
const MAX_REDIRECTS = 20
/** What may follow to another origin; whatever else the caller set may be a secret. */
const HARMLESS = new Set([
  ...["accept", "accept-language", "cache-control", "content-type", "incremental"],
  ...["last-event-id", "pragma", "user-agent"],
])
/** A server or a proxy that blocks clients without a name cannot know us otherwise. */
const USER_AGENT = "onward/0.1.0"

/** A request that may not be repeated never goes over a connection that was used before, which its server may be closing. */
const fresh = {
  http: new http.Agent({ keepAlive: true, maxFreeSockets: 0 }),
  https: new https.Agent({ keepAlive: true, maxFreeSockets: 0 }),
}

/**
 * As much of `fetch` as the client needs, on `node:http` and `node:https`: bodies may be quiet for as long as they like (Node's own ends them
 * after 300 s), and an event costs a fraction. It follows redirects by itself: no header of the caller's goes to another origin.
 */
export async function nodeFetch(url: string, init: FetchInit): Promise<FetchedResponse> {
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
  if (!headers.has("user-agent")) headers.set("user-agent", USER_AGENT)
  let at = new URL(url)
  if (!/^https?:$/.test(at.protocol)) {
    throw fault("invalid_request", `The URL begins with "${at.protocol}". ${WHOLE_URL}`)
  }
  for (let redirects = 0; ; redirects++) {
    const message = await request(at, { method, headers: Object.fromEntries(headers), signal }, body)
    const { statusCode: status = 0 } = message
    const location = [301, 302, 303, 307, 308].includes(status) ? message.headers.location : undefined
    if (location === undefined) return answerOf(message, at)
    message.destroy()
    const to = URL.parse(Buffer.from(location, "latin1").toString(), at)
    if (!to || !/^https?:$/.test(to.protocol) || redirects === MAX_REDIRECTS) {
      throw fault("redirect_refused", `The redirect to "${location}" leads nowhere. Use the final URL.`, status)
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

function request(url: URL, options: RequestOptions, body: Buffer | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const isSafe = SAFE_METHODS.includes(options.method)
    const isTls = url.protocol === "https:"
    const send = isTls ? https.request : http.request
    const sent = isSafe
      ? send(url, options, resolve)
      : send(url, { ...options, agent: fresh[isTls ? "https" : "http"] }, resolve)
    let isConnected = false
    sent.on("socket", (socket) => {
      // tells of a dead peer where there are no heartbeats
      socket.setKeepAlive(true, KEEP_ALIVE)
      isConnected = sent.reusedSocket
      if (!isConnected) socket.once(isTls ? "secureConnect" : "connect", () => (isConnected = true))
    })
    sent.on("error", (error: NodeJS.ErrnoException) => {
      // the server closed a connection that was kept, at the moment it was used again
      if (isSafe && sent.reusedSocket && error.code === "ECONNRESET" && !options.signal.aborted) {
        resolve(request(url, options, body))
      } else reject(isConnected ? error : unsent(error))
    })
    sent.end(body)
  })
}

/** An error as system calls name it that fail before anything is sent; of a certificate that is refused Node does not say so. */
const unsent = (error: Error): Error => Object.assign(error, { syscall: "connect" })

interface RequestOptions extends http.RequestOptions {
  readonly method: string
  readonly signal: AbortSignal
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
