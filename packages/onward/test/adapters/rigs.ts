import http from "node:http"
import http2 from "node:http2"
import https from "node:https"
import type { AddressInfo, Server, Socket } from "node:net"
import { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { sse as nodeSse, type Source, type SseOptions } from "onward/node"
import { sse as webSse } from "onward/web"
import { selfSigned } from "./certificate.ts"
import { Exchange } from "./exchange.ts"

/** A request as a test makes it. */
export interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** False: the client reads the head only, until `exchange.read()`. @default true */
  readonly reads?: boolean
}

/** A request as a test's handler sees it. */
export interface Handling {
  sse(source: Source, options?: SseOptions): void
  body(): Promise<string>
}

export type Handler = (handling: Handling) => void | Promise<void>

export interface Running {
  ask(asked?: Asked): Promise<Exchange>
  close(): Promise<void>
}

/** One way for an event stream to reach a client. */
export interface Rig {
  readonly name: string
  /** Whether the client speaks HTTP/2. */
  readonly isHttp2: boolean
  open(handle: Handler): Promise<Running>
}

const certificate = selfSigned()

type NodeListener = (req: http.IncomingMessage, res: http.ServerResponse) => void

const listener =
  (handle: Handler): NodeListener =>
  (req, res) => {
    void handle({ sse: (source, options) => nodeSse(req, res, source, options), body: () => text(req) })
  }

const wrapped =
  (handle: Handler): NodeListener =>
  (req, res) => {
    const write = res.write.bind(res)
    res.write = ((...args: Parameters<typeof write>) => write(...args)) as typeof res.write
    listener(handle)(req, res)
  }

/** What frameworks do to run a fetch-style handler on Node. */
const bridged =
  (handle: Handler): NodeListener =>
  async (req, res) => {
    const gone = new AbortController()
    res.on("close", () => gone.abort())
    const body = req.method === "GET" || req.method === "HEAD" ? null : (Readable.toWeb(req) as ReadableStream)
    const headers = Object.entries(req.headers).map(([name, value]): [string, string] => [name, String(value)])
    const { method = "GET" } = req
    const init = { method, headers, body, signal: gone.signal, duplex: "half" }
    const request = new Request(`http://localhost${req.url}`, init)
    const response = await respond(handle, request)
    res.writeHead(response.status, Object.fromEntries(response.headers)).flushHeaders()
    if (response.body)
      Readable.fromWeb(response.body as never)
        .on("error", () => res.destroy())
        .pipe(res)
    else res.end()
  }

async function respond(handle: Handler, request: Request): Promise<Response> {
  let response: Promise<Response> | undefined
  await handle({
    sse: (source, options) => (response = webSse(request, source, options)),
    body: () => request.text(),
  })
  return response as Promise<Response>
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return (server.address() as AddressInfo).port
}

/** Serves with `server`, and stops it with all that is connected. */
async function run(server: Server, ask: (port: number, asked: Asked) => Promise<Exchange>): Promise<Running> {
  const sockets = new Set<Socket>()
  for (const event of ["connection", "secureConnection"]) {
    server.on(event, (socket: Socket) => {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => sockets.delete(socket))
    })
  }
  const port = await listen(server)
  return {
    ask: (asked = {}) => ask(port, asked),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

function askHttp1(client: typeof http | typeof https): (port: number, asked: Asked) => Promise<Exchange> {
  return (port, { method = "GET", path = "/", headers = {}, body, reads = true }) =>
    new Promise((resolve, reject) => {
      const options = { port, host: "127.0.0.1", method, path, headers, agent: false, rejectUnauthorized: false }
      const request = client.request(options)
      request.on("error", reject)
      request.on("response", (response) => {
        const { socket } = response
        const exchange = new Exchange(response.statusCode ?? 0, response.headers, {
          read: () => {
            response.on("data", (chunk: Buffer) => exchange.push(chunk))
            response.on("end", () => exchange.finish("ended"))
          },
          leaveBy: {
            "closing the connection": () => socket.destroy(),
            "a half-close": () => void socket.end(),
            ...(client === http && { "a reset": () => void socket.resetAndDestroy() }),
          },
        })
        response.on("error", () => {})
        response.on("close", () => exchange.finish("cut"))
        if (reads) exchange.read()
        resolve(exchange)
      })
      request.end(body)
    })
}

const askHttp2 =
  (scheme: "http" | "https") =>
  (port: number, { method = "GET", path = "/", headers = {}, body, reads = true }: Asked): Promise<Exchange> =>
    new Promise((resolve, reject) => {
      const session = http2.connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false })
      // what `session.socket` gives cannot be destroyed
      let connection: Socket | undefined
      session.on("connect", (_, socket) => (connection = socket as Socket))
      session.on("error", reject)
      const stream = session.request(
        { ":method": method, ":path": path, ...headers },
        { endStream: body === undefined },
      )
      stream.on("error", reject)
      stream.on("response", (head) => {
        const exchange = new Exchange(Number(head[":status"]), head, {
          read: () => {
            stream.on("data", (chunk: Buffer) => exchange.push(chunk))
            stream.on("end", () => exchange.finish(stream.rstCode === 0 ? "ended" : "cut"))
          },
          leaveBy: {
            "cancelling the stream": () => stream.close(http2.constants.NGHTTP2_CANCEL),
            "a stream error": () => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR),
            "closing the connection": () => session.destroy(),
            "a reset": () => connection?.destroy(),
          },
        })
        stream.on("close", () => {
          exchange.finish("cut")
          session.destroy()
        })
        if (reads) exchange.read()
        resolve(exchange)
      })
      if (body !== undefined) stream.end(body)
    })

/** A fetch-style handler called as runtimes call it. */
async function openWeb(handle: Handler): Promise<Running> {
  const open = new Set<AbortController>()
  return {
    async ask({ method = "GET", path = "/", headers = {}, body, reads = true } = {}) {
      const gone = new AbortController()
      open.add(gone)
      const init = { method, headers: { ...headers }, signal: gone.signal, ...(body !== undefined && { body }) }
      const response = await respond(handle, new Request(`http://localhost${path}`, init))
      const reader = response.body?.getReader()
      const exchange = new Exchange(response.status, Object.fromEntries(response.headers), {
        read: () => void pump(exchange, reader),
        leaveBy: {
          "cancelling the body": () => void reader?.cancel(),
          "aborting the request": () => gone.abort(),
          "cancelling and aborting": () => {
            void reader?.cancel()
            gone.abort()
          },
        },
      })
      if (reads) exchange.read()
      return exchange
    },
    async close() {
      for (const gone of open) gone.abort()
    },
  }
}

async function pump(exchange: Exchange, reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<void> {
  try {
    for (let result = await reader?.read(); result && !result.done; result = await reader?.read())
      exchange.push(result.value)
    exchange.finish("ended")
  } catch {
    exchange.finish("cut")
  }
}

// one listener for both kinds of request: the adapter tells them apart
type AnyListener = (req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) => void
const either = (handle: Handler): AnyListener => listener(handle) as unknown as AnyListener

/** Every server that `onward/node` and `onward/web` are for. */
export const rigs: readonly Rig[] = [
  { name: "node:http", isHttp2: false, open: (handle) => run(http.createServer(listener(handle)), askHttp1(http)) },
  {
    name: "node:http with a wrapped write",
    isHttp2: false,
    open: (handle) => run(http.createServer(wrapped(handle)), askHttp1(http)),
  },
  {
    name: "node:https",
    isHttp2: false,
    open: (handle) => run(https.createServer(certificate, listener(handle)), askHttp1(https)),
  },
  {
    name: "node:http2 in cleartext",
    isHttp2: true,
    open: (handle) => run(http2.createServer(either(handle)), askHttp2("http")),
  },
  {
    name: "node:http2 secure",
    isHttp2: true,
    open: (handle) => run(http2.createSecureServer(certificate, either(handle)), askHttp2("https")),
  },
  {
    name: "node:http2 secure, spoken to in HTTP/1.1",
    isHttp2: false,
    open: (handle) => {
      const options = { ...certificate, allowHTTP1: true }
      return run(http2.createSecureServer(options, either(handle)), askHttp1(https))
    },
  },
  { name: "web", isHttp2: false, open: openWeb },
  {
    name: "web on node:http",
    isHttp2: false,
    open: (handle) => run(http.createServer(bridged(handle)), askHttp1(http)),
  },
]

/** Runs `use` with a server for `handle`, which is stopped in any case. */
export async function withServer(
  rig: Rig,
  handle: Handler,
  use: (ask: Running["ask"]) => Promise<void>,
): Promise<void> {
  const { ask, close } = await rig.open(handle)
  try {
    await use(ask)
  } finally {
    await close()
  }
}
