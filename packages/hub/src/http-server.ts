import { readFileSync, unwatchFile, watchFile } from "node:fs"
import {
  createServer,
  Server as HttpServerClass,
  STATUS_CODES,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http"
import { constants, createSecureServer, type Http2Session, type Http2Stream } from "node:http2"
import { Server as NetServer, type Server, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import { createSecureContext } from "node:tls"
import { HttpError } from "./http-error.ts"
import { UsageError } from "./usage-error.ts"

/**
 * Timeouts of requests, in ms. Node checks that of the head every 30 s by default, so that 10 s could become 40 s. The timeout of a body depends
 * on the path: see `createApp`.
 */
const TIMEOUTS = { requestTimeout: 0, connectionsCheckingInterval: 1_000 }
/** Maximum number of streams of one HTTP/2 connection, for many browser tabs. */
const MAX_CONCURRENT_STREAMS = 250
/** Node resets a request of HTTP/2 whose head is so many times as large as the limit; a smaller one is answered with 431. */
const RESET_FACTOR = 2
/** Interval at which a closing server closes idle connections, in ms. */
const IDLE_MS = 250

export interface HttpServerOptions {
  /** Maximum size of the head of a request, in bytes. */
  readonly headBytes: number
  /** Time that an idle connection stays open, in ms. 0 means no limit. */
  readonly keepAlive: number
  /** Time that a TLS handshake can take, and the head of the first request after it, in ms. @default 10_000 */
  readonly headTimeout?: number
  /** Time in which an HTTP/2 client must read something of a complete response, in ms. @default 30_000 */
  readonly readTimeout?: number
  /** The files of a certificate with its chain, and of its key. @default plain HTTP/1.1 */
  readonly tls: TlsFiles | undefined
  /** Interval at which these files are checked for changes, in ms. @default 10_000 */
  readonly checkInterval?: number
  readonly onError: (error: unknown) => void
}

export interface TlsFiles {
  readonly cert: string
  readonly key: string
}

export interface HttpServer {
  readonly server: Server
  /** Reads the certificate again. If the files are invalid, throws and keeps the previous one. */
  reloadCertificate(): void
  /** Stops accepting connections, and asks clients to close theirs. Resolves when all are closed. */
  close(): Promise<void>
  /** Cuts all connections. */
  closeAllConnections(): void
}

/** Creates a server for HTTP/1.1, or with a certificate for HTTP/2 and HTTP/1.1 on the same port (RFC 7301). */
export function createHttpServer(options: HttpServerOptions, app: RequestListener): HttpServer {
  const {
    headBytes,
    keepAlive,
    headTimeout = 10_000,
    readTimeout = 30_000,
    tls,
    checkInterval = 10_000,
    onError,
  } = options
  const settings = {
    ...TIMEOUTS,
    headersTimeout: headTimeout,
    maxHeaderSize: headBytes,
    keepAliveTimeout: keepAlive,
  }
  const server = tls
    ? createSecureServer(
        {
          ...settings,
          handshakeTimeout: headTimeout,
          ...readCertificate(tls),
          allowHTTP1: true,
          settings: { maxConcurrentStreams: MAX_CONCURRENT_STREAMS, maxHeaderListSize: headBytes * RESET_FACTOR },
        },
        answer as never,
      )
    : createServer(settings, app)
  // the app can refuse a large body before it is sent
  server.on("checkContinue", answer as never)

  function answer(req: IncomingMessage, res: ServerResponse): void {
    if (req.httpVersionMajor === 1 || headSizeOf(req) <= headBytes) return app(req, res)
    onError(new HttpError(431, "head_too_large", TOO_LARGE))
    res.writeHead(431).end()
  }
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === "HPE_HEADER_OVERFLOW") onError(new HttpError(431, "head_too_large", TOO_LARGE))
    answerBroken(error, socket)
  })
  // a server of `node:http` knows its own
  const sockets = new Set<Socket>()
  const sessions = new Set<Http2Session>()
  server.on("secureConnection", (socket: Socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  })
  server.on("session", (session: Http2Session) => {
    sessions.add(session)
    session.once("close", () => sessions.delete(session))
    closeIdle(session, { headTimeout, keepAlive, readTimeout })
  })

  function reloadCertificate(): void {
    if (tls && "setSecureContext" in server) server.setSecureContext(readCertificate(tls))
  }

  function reloadChanged(): void {
    try {
      reloadCertificate()
    } catch (error) {
      onError(error)
    }
  }
  const files = tls ? [tls.cert, tls.key] : []
  for (const file of files) watchFile(file, { interval: checkInterval, persistent: false }, reloadChanged)

  return {
    server,
    reloadCertificate,
    close() {
      for (const file of files) unwatchFile(file, reloadChanged)
      // `http.Server.close` would also cut new connections whose first request has not arrived
      const closed = new Promise<void>((resolve) => void NetServer.prototype.close.call(server, () => resolve()))
      for (const session of sessions) session.close()
      const timer = setInterval(() => HttpServerClass.prototype.closeIdleConnections.call(server), IDLE_MS)
      return closed.finally(() => {
        clearInterval(timer)
        // also ends the server's timers
        server.close()
      })
    },
    closeAllConnections() {
      for (const session of sessions) session.destroy()
      for (const socket of sockets) socket.destroy()
      if (!tls) (server as HttpServerClass).closeAllConnections()
    },
  }
}

interface Timeouts {
  readonly headTimeout: number
  readonly keepAlive: number
  readonly readTimeout: number
}

/**
 * Closes an HTTP/2 connection without requests, and a stream whose client does not read its response: Node has no timeouts for them. A PING is
 * not a request, and neither is half of a head.
 */
function closeIdle(session: Http2Session, { headTimeout, keepAlive, readTimeout }: Timeouts): void {
  /** What is still to be sent is sent first. `close` would also wait for the rest of half a head, without end. */
  const close = (): void => {
    session.close()
    if (!session.destroyed) timer = setTimeout(() => session.destroy(), headTimeout)
  }
  let timer = setTimeout(close, headTimeout)
  let open = 0
  const onStreamClose = (): void => {
    if (--open === 0 && keepAlive > 0 && !session.destroyed) timer = setTimeout(close, keepAlive)
  }
  session.on("stream", (stream: Http2Stream) => {
    open++
    clearTimeout(timer)
    stream.setTimeout(readTimeout, closeEnded)
    stream.once("close", onStreamClose)
  })
  session.once("close", () => clearTimeout(timer))
}

/** An open stream of events has its own timeout. */
function closeEnded(this: Http2Stream): void {
  if (this.writableEnded) this.close(constants.NGHTTP2_CANCEL)
}

/** The size of a head of HTTP/2 without compression (RFC 9113 section 6.5.2). */
const headSizeOf = ({ rawHeaders }: IncomingMessage): number =>
  rawHeaders.reduce((size, text) => size + text.length, (rawHeaders.length / 2) * 32)

const TOO_LARGE = "The head of a request is too large. The client received 431."

/** Responds like Node does without a listener for `clientError`. */
function answerBroken({ code }: NodeJS.ErrnoException, socket: Duplex): void {
  const status = code === "HPE_HEADER_OVERFLOW" ? 431 : code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400
  // what Node itself looks at: of a response that has begun, an answer would become a part
  const { _httpMessage: response } = socket as Duplex & { readonly _httpMessage?: { readonly headersSent: boolean } }
  if (socket.writable && response?.headersSent !== true) {
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\n\r\n`)
  }
  socket.destroy()
}

/** Reads a certificate and its key. Throws {@link UsageError} when they do not fit. */
export function readCertificate({ cert, key }: TlsFiles): { readonly cert: Buffer; readonly key: Buffer } {
  try {
    const read = { cert: readFileSync(cert), key: readFileSync(key) }
    createSecureContext(read)
    return read
  } catch (error) {
    throw new UsageError(
      `The certificate ${cert} and the key ${key} cannot be used: ${(error as Error).message}. Check tls.cert and tls.key.`,
    )
  }
}
