import http, { type IncomingHttpHeaders, type IncomingMessage } from "node:http"
import https from "node:https"
import type { Duplex, Readable } from "node:stream"
import zlib, { constants, createBrotliDecompress, createGunzip, createInflate } from "node:zlib"
import { SAFE_METHODS } from "../methods.ts"
import { fault, URL_ADVICE, type ByteReader, type FetchedResponse, type FetchInit } from "./request.ts"

/** Delay before TCP keep-alive probes, in ms. */
const KEEP_ALIVE = 15_000
/** Fetch section 4.4. */
const MAX_REDIRECTS = 20
/** Most interim responses (1xx) before a response: a server could send them without end, and Node has no limit. */
const MAX_INTERIM = 100
/** Headers that a redirect to another origin keeps. Others of the caller may be secret. */
const HARMLESS = new Set([
  ...["accept", "accept-language", "cache-control", "content-type", "incremental"],
  ...["last-event-id", "pragma", "user-agent"],
])
/** Some servers and proxies refuse requests without a User-Agent. */
const USER_AGENT = "onward/0.1.0"

/** Agents for requests that must not be repeated. They never reuse a connection, because the server may be closing it. */
const agentsWithoutReuse = {
  http: new http.Agent({ keepAlive: true, maxFreeSockets: 0 }),
  https: new https.Agent({ keepAlive: true, maxFreeSockets: 0 }),
}

/**
 * Implements the part of `fetch` that the client needs, on `node:http` and `node:https`. It does not end quiet bodies (Node's `fetch` does after
 * 300 s), and uses a fraction of the CPU time for an event. A redirect to another origin drops the caller's headers.
 */
export async function nodeFetch(url: string, init: FetchInit): Promise<FetchedResponse> {
  const signal = init.signal as AbortSignal
  // accepts each kind of body, and sets its content type
  const source = new Response(init.body ?? null)
  let body = init.body == null ? undefined : Buffer.from(await source.arrayBuffer())
  let method = (init.method ?? "GET").toUpperCase()
  const headers = new Headers(init.headers)
  const type = source.headers.get("content-type")
  if (type !== null && !headers.has("content-type")) headers.set("content-type", type)
  // the header that `cache: "no-store"` causes (Fetch section 4.5)
  if (!headers.has("cache-control")) headers.set("cache-control", "no-cache")
  if (!headers.has("user-agent")) headers.set("user-agent", USER_AGENT)
  let at = new URL(url)
  if (!/^https?:$/.test(at.protocol)) {
    throw fault("invalid_request", `The URL begins with "${at.protocol}". ${URL_ADVICE}`)
  }
  for (let redirects = 0; ; redirects++) {
    const message = await request(at, { method, headers: Object.fromEntries(headers), signal }, body)
    const { statusCode: status = 0 } = message
    const location = [301, 302, 303, 307, 308].includes(status) ? message.headers.location : undefined
    if (location === undefined) return responseOf(message, at)
    message.destroy()
    const to = URL.parse(Buffer.from(location, "latin1").toString(), at)
    if (!to || !/^https?:$/.test(to.protocol) || redirects === MAX_REDIRECTS) {
      throw fault("redirect_refused", `The redirect to "${location}" cannot be followed. Use the final URL.`, status)
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
      : send(url, { ...options, agent: agentsWithoutReuse[isTls ? "https" : "http"] }, resolve)
    let isConnected = false
    sent.on("socket", (socket) => {
      // detects a lost server that sends no heartbeats
      socket.setKeepAlive(true, KEEP_ALIVE)
      isConnected = sent.reusedSocket
      if (!isConnected) socket.once(isTls ? "secureConnect" : "connect", () => (isConnected = true))
    })
    sent.on("error", (error: NodeJS.ErrnoException) => {
      // the server closed an idle connection at the moment it was reused
      if (isSafe && sent.reusedSocket && error.code === "ECONNRESET" && !options.signal.aborted) {
        resolve(request(url, options, body))
      } else reject(isConnected ? error : asUnsent(error))
    })
    let interim = 0
    sent.on("information", () => {
      if (++interim > MAX_INTERIM) sent.destroy(new Error(`The server sent more than ${MAX_INTERIM} interim responses`))
    })
    // the response to a request without an Upgrade header can still be 101
    sent.on("upgrade", ({ statusCode }, socket) => {
      socket.destroy()
      reject(new Error(`The server answered with status ${statusCode}, and switched to another protocol`))
    })
    sent.end(body)
  })
}

/** Marks an error as one before the request was sent, as failed system calls are. Node does not mark errors of certificates. */
const asUnsent = (error: Error): Error => Object.assign(error, { syscall: "connect" })

interface RequestOptions extends http.RequestOptions {
  readonly method: string
  readonly signal: AbortSignal
}

function responseOf(message: IncomingMessage, url: URL): FetchedResponse {
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

const flush = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH }

const decoders: Readonly<Record<string, () => Duplex>> = {
  gzip: () => createGunzip(flush),
  "x-gzip": () => createGunzip(flush),
  deflate: () => createInflate(flush),
  br: () => createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
  // Node before 22.15 has no zstd, so an import by name would fail
  ...(typeof zlib.createZstdDecompress === "function" && {
    zstd: () => zlib.createZstdDecompress({ finishFlush: constants.ZSTD_e_flush }),
  }),
}

/** Decompresses the body if the server compressed it without being asked. What the server flushes is delivered at once. */
function decoded(message: IncomingMessage): Readable {
  const decoder = decoders[message.headers["content-encoding"]?.toLowerCase() ?? ""]?.()
  if (!decoder) return message
  message.on("error", (error) => decoder.destroy(error))
  return message.pipe(decoder)
}

/** Reads all bytes that have arrived as one chunk. While nothing is read, the socket's buffer fills, which is backpressure for the server. */
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
