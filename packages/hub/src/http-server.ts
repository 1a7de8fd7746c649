import { readFileSync, unwatchFile, watchFile } from "node:fs"
import { createServer, Server as HttpServerClass, STATUS_CODES, type RequestListener } from "node:http"
import { createSecureServer, type Http2Session } from "node:http2"
import { Server as NetServer, type Server, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import { createSecureContext } from "node:tls"
import { HttpError } from "./http-error.ts"
import { UsageError } from "./usage-error.ts"

/**
 * Timeouts of a request's head, in ms. Node checks every 30 s by default, so that 10 s could become 40 s. The timeout of a body depends on the
 * path: see `createApp`.
 */
const TIMEOUTS = { requestTimeout: 0, headersTimeout: 10_000, connectionsCheckingInterval: 1_000 }
/** Maximum number of streams of one HTTP/2 connection, for many browser tabs. */
const MAX_CONCURRENT_STREAMS = 250
/** Interval at which a closing server closes idle connections, in ms. */
const IDLE_MS = 250

export interface HttpServerOptions {
  /** Maximum size of the head of a request, in bytes. */
  readonly headBytes: number
  /** Time that an idle HTTP/1.1 connection stays open, in ms. */
  readonly keepAlive: number
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
  const { headBytes, keepAlive, tls, checkInterval = 10_000, onError } = options
  const settings = { ...TIMEOUTS, maxHeaderSize: headBytes, keepAliveTimeout: keepAlive }
  const server = tls
    ? createSecureServer(
        {
          ...settings,
          ...readCertificate(tls),
          allowHTTP1: true,
          settings: { maxConcurrentStreams: MAX_CONCURRENT_STREAMS, maxHeaderListSize: headBytes },
        },
        app as never,
      )
    : createServer(settings, app)
  // the app can refuse a large body before it is sent
  server.on("checkContinue", app as never)
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
