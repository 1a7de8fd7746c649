import { readFileSync, unwatchFile, watchFile } from "node:fs"
import { createServer, Server as HttpServerClass, STATUS_CODES, type RequestListener } from "node:http"
import { createSecureServer, type Http2Session } from "node:http2"
import { Server as NetServer, type Server, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import { createSecureContext } from "node:tls"
import { HttpError } from "./http-error.ts"
import { UsageError } from "./usage-error.ts"

/**
 * How long a request's head may take to arrive, in ms. Node looks every 30 s by default, which would make 10 s up to 40. How long its body
 * may take differs by path: see `createApp`.
 */
const TIMEOUTS = { requestTimeout: 0, headersTimeout: 10_000, connectionsCheckingInterval: 1_000 }
/** Streams of one HTTP/2 connection: more than a browser has tabs. */
const MAX_CONCURRENT_STREAMS = 250
/** While the server closes, idle connections are closed this often, in ms. */
const IDLE_MS = 250
/** How often the files of a certificate are looked at, in ms. */
const LOOK_MS = 10_000

export interface HttpServerOptions {
  /** Longest head of a request, in bytes. */
  readonly headBytes: number
  /** How long an idle connection of HTTP/1.1 stays open, in ms. */
  readonly keepAlive: number
  /** Files of a certificate with its chain, and of its key. @default plain HTTP/1.1 */
  readonly tls: TlsFiles | undefined
  readonly onError: (error: unknown) => void
}

export interface TlsFiles {
  readonly cert: string
  readonly key: string
}

export interface HttpServer {
  readonly server: Server
  /** Reads the certificate again. Throws, and keeps the old one, when the files do not fit. */
  reloadCertificate(): void
  /** Accepts no more connections, and tells clients to make no more requests on theirs. Resolves when all are closed. */
  close(): Promise<void>
  /** Cuts all connections. */
  closeAllConnections(): void
}

/** A server for HTTP/1.1, or with a certificate for HTTP/2 and HTTP/1.1 on the same port (RFC 7301). */
export function createHttpServer(options: HttpServerOptions, app: RequestListener): HttpServer {
  const { headBytes, keepAlive, tls, onError } = options
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
  // answered before the body is sent, when it is too large
  server.on("checkContinue", app as never)
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === "HPE_HEADER_OVERFLOW") onError(new HttpError(431, "head_too_large", TOO_LARGE))
    answerBroken(error, socket)
  })
  const sockets = new Set<Socket>()
  const sessions = new Set<Http2Session>()
  server.on(tls ? "secureConnection" : "connection", (socket: Socket) => {
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
  for (const file of files) watchFile(file, { interval: LOOK_MS, persistent: false }, reloadChanged)

  return {
    server,
    reloadCertificate,
    close() {
      for (const file of files) unwatchFile(file, reloadChanged)
      // by `http.Server` it would also cut connections that were just accepted, and whose first request is still on its way
      const closed = new Promise<void>((resolve) => void NetServer.prototype.close.call(server, () => resolve()))
      for (const session of sessions) session.close()
      const timer = setInterval(() => HttpServerClass.prototype.closeIdleConnections.call(server), IDLE_MS)
      return closed.finally(() => {
        clearInterval(timer)
        // also ends its timers
        server.close()
      })
    },
    closeAllConnections() {
      for (const session of sessions) session.destroy()
      for (const socket of sockets) socket.destroy()
    },
  }
}

const TOO_LARGE = "The head of a request is too large. Its client got 431."

/** What Node answers without a listener for `clientError`. */
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
