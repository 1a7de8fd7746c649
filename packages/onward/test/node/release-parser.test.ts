import assert from "node:assert/strict"
import { createHook } from "node:async_hooks"
import { once } from "node:events"
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import http2 from "node:http2"
import https from "node:https"
import net, { type AddressInfo, type Socket } from "node:net"
import { test, type TestContext } from "node:test"
import tls from "node:tls"
import { createHub, type Hub } from "onward"
import { sse } from "onward/node"
import { selfSigned } from "../adapters/certificate.ts"
import { eventually } from "../adapters/exchange.ts"

const GET = "GET /first HTTP/1.1\r\nHost: localhost\r\n\r\n"

/** Counts the parsers of servers that Node has not freed. Off again when the test is over. */
function countParsers(t: TestContext): () => number {
  const alive = new Set<number>()
  const hook = createHook({
    init: (id, type) => type === "HTTPINCOMINGMESSAGE" && alive.add(id),
    destroy: (id) => alive.delete(id),
  }).enable()
  t.after(() => hook.disable())
  return () => alive.size
}

interface Client {
  readonly socket: Socket
  readonly text: () => string
}

interface Rig {
  readonly server: http.Server
  readonly hub: Hub
  connect(request?: string): Client
}

const makers: Readonly<Record<string, (listener: RequestListener) => http.Server>> = {
  "node:http": (listener) => http.createServer(listener),
  "node:https": (listener) => https.createServer(selfSigned(), listener),
  "HTTP/1.1 of node:http2": (listener) =>
    http2.createSecureServer({ ...selfSigned(), allowHTTP1: true }, listener as never) as never,
}

async function listen(
  t: TestContext,
  respond: (hub: Hub) => RequestListener,
  kind: keyof typeof makers = "node:http",
): Promise<Rig> {
  const hub = createHub()
  const server = (makers[kind] as (listener: RequestListener) => http.Server)(respond(hub))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const sockets: Socket[] = []
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    await hub.close()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  })
  return {
    server,
    hub,
    connect(request = GET) {
      const socket =
        kind === "node:http"
          ? net.connect(port, "127.0.0.1")
          : tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false })
      sockets.push(socket)
      let text = ""
      socket.on("error", () => {}).on("data", (chunk) => (text += chunk))
      socket.write(request)
      return { socket, text: () => text }
    },
  }
}

const streaming =
  (hub: Hub): RequestListener =>
  (req, res) =>
    sse(req, res, hub.subscribe({ topics: ["a"] }))

for (const kind of Object.keys(makers)) {
  test(`no open stream keeps a parser of Node: ${kind}`, async (t) => {
    const parsers = countParsers(t)
    const { connect, hub } = await listen(t, streaming, kind)
    const clients = Array.from({ length: 20 }, () => connect())
    await eventually("all streams are open", () => hub.stats().live === 20)
    await eventually("their parsers are freed", () => parsers() === 0)
    await hub.publish({ topic: "a", data: "news" })
    await eventually("all get the event", () => clients.every(({ text }) => text().includes("data: news")))
    for (const { socket } of clients) socket.destroy()
    await eventually("all streams are closed", () => hub.stats().connections === 0)
  })
}

test("a server that allows half-open connections goes on with the stream of a client that has nothing more to say", async (t) => {
  const parsers = countParsers(t)
  const { connect, hub, server } = await listen(t, streaming)
  Object.assign(server, { httpAllowHalfOpen: true })
  const { socket, text } = connect()
  await eventually("the stream is open", () => hub.stats().live === 1)
  await eventually("its parser is freed", () => parsers() === 0)
  socket.end()
  await once(socket, "finish")
  await hub.publish({ topic: "a", data: "news" })
  await eventually("it gets the event", () => text().includes("data: news"))
  assert.equal(hub.stats().connections, 1)
})

test("clients that disconnect together are ended over many turns of the event loop", async (t) => {
  const parsers = countParsers(t)
  const { connect, hub, server } = await listen(t, streaming)
  let inTurn = 0
  let most = 0
  server.on("connection", (socket: Socket) => {
    const end = socket.end.bind<(...parts: never[]) => Socket>(socket)
    socket.end = (...parts: never[]) => {
      if (inTurn++ === 0) setImmediate(() => (inTurn = 0))
      most = Math.max(most, inTurn)
      return end(...parts)
    }
  })
  const clients = Array.from({ length: 130 }, () => connect())
  await eventually("all streams are open", () => hub.stats().live === 130)
  await eventually("their parsers are freed", () => parsers() === 0)
  for (const { socket } of clients) socket.end()
  await eventually("all streams are closed", () => hub.stats().connections === 0)
  assert.ok(most > 0 && most <= 64, `${most} in one turn`)
})

test("an open stream keeps no callbacks of its parser, and shares the text of its head with others", async (t) => {
  const parsers = countParsers(t)
  const kept: object[] = []
  const heads = new Set<unknown>()
  const { connect, hub } = await listen(t, (opened) => (req, res) => {
    kept.push((req.socket as Socket & { readonly parser: object }).parser)
    sse(req, res, opened.subscribe({ topics: ["a"] }))
    heads.add((res as ServerResponse & { readonly _header: string })._header)
  })
  connect()
  connect()
  await eventually("both streams are open", () => hub.stats().live === 2)
  await eventually("their parsers are freed", () => parsers() === 0)
  for (const parser of kept)
    assert.deepEqual(
      Object.entries(parser).filter(([name]) => /^\d/.test(name)),
      [],
    )
  assert.ok(heads.size > 0 && [...heads].every((head) => String(head).startsWith("HTTP/1.1 200 OK\r\n")))
})

test("the head and the first events are sent in one write", async (t) => {
  const writes: unknown[] = []
  const { connect, hub } = await listen(t, (opened) => (req, res) => {
    const { socket } = req
    const { _writeGeneric: write } = socket as Socket & { _writeGeneric?: (...args: unknown[]) => unknown }
    assert.equal(typeof write, "function")
    Object.assign(socket, {
      _writeGeneric(this: unknown, ...args: unknown[]) {
        writes.push(args[1])
        return write?.apply(this, args)
      },
    })
    sse(req, res, opened.subscribe({ topics: ["a"] }))
  })
  const { text } = connect()
  await eventually("the stream has begun", () => text().includes("checkpoint"))
  assert.equal(hub.stats().live, 1)
  assert.equal(writes.length, 1)
  assert.equal(typeof writes[0], "string", "not a list of pieces")
})

test("a stream begins alike when a middleware has replaced what sends its head", async (t) => {
  let flushed = 0
  const { connect, hub } = await listen(t, (opened) => (req, res) => {
    if (req.url === "/replaced") {
      const flush = res.flushHeaders.bind(res)
      res.flushHeaders = () => {
        flushed++
        flush()
      }
    }
    sse(req, res, opened.subscribe({ topics: ["a"] }))
  })
  const clients = ["/first", "/replaced"].map((url) => connect(GET.replace("/first", url)))
  await eventually("the streams are open", () => hub.stats().live === clients.length)
  await hub.publish({ topic: "a", data: "news" })
  await eventually("all get the event", () => clients.every(({ text }) => text().includes("data: news")))
  const bodyOf = (text: string): string => text.slice(text.indexOf("\r\n\r\n")).replace(/\r\n[0-9a-f]+\r\n/g, "")
  const [first, ...others] = clients.map(({ text }) => bodyOf(text()))
  for (const other of others) assert.equal(other, first)
  assert.equal(flushed, 1)
})

test("a request and its response of a stream report its end like those of a plain response", async (t) => {
  const parsers = countParsers(t)
  let events: string[] = []
  const note = (req: IncomingMessage, res: ServerResponse): void => {
    for (const name of ["aborted", "close", "error"]) req.on(name, () => events.push(`req ${name}`))
    for (const name of ["finish", "close"]) res.on(name, () => events.push(`res ${name}`))
    res.on("close", () => {
      const { rawHeaders, complete, destroyed } = req
      events.push(JSON.stringify({ rawHeaders, complete, destroyed, ended: res.writableEnded, status: res.statusCode }))
    })
  }
  let endPlain = (): void => {}
  const { connect, hub } = await listen(t, (opened) => (req, res) => {
    note(req, res)
    if (req.method === "GET") return sse(req, res, opened.subscribe({ topics: ["a"], until: () => true }))
    res.writeHead(200, { connection: "close" }).flushHeaders()
    endPlain = () => res.end()
  })
  const ends: Readonly<Record<string, (socket: Socket) => unknown>> = {
    "the client disconnects": (socket) => socket.destroy(),
    "the client ends its half": (socket) => socket.end(),
    "the stream ends": () => (endPlain(), hub.publish({ topic: "a", data: "last" })),
  }
  for (const [name, end] of Object.entries(ends)) {
    const plain = connect(GET.replace("GET", "DELETE"))
    await eventually("the plain response has begun", () => plain.text() !== "")
    await end(plain.socket)
    await eventually("its connection is closed", () => parsers() === 0 && events.includes("req close"))
    const expected = events
    events = []
    const { socket, text } = connect()
    await eventually("the stream is open", () => text().includes("checkpoint"))
    await eventually("its parser is freed", () => parsers() === 0)
    await end(socket)
    await eventually("its connection is closed", () => hub.stats().connections === 0 && events.includes("req close"))
    assert.deepEqual(events, expected, name)
    events = []
  }
})

test("a server closes streams without a parser like others", async (t) => {
  const parsers = countParsers(t)
  const { server, connect, hub } = await listen(t, streaming)
  const clients = [connect(), connect()]
  await eventually("both streams are open", () => hub.stats().live === 2)
  await eventually("their parsers are freed", () => parsers() === 0)
  let isClosed = false
  server.close(() => (isClosed = true))
  server.closeIdleConnections()
  await hub.publish({ topic: "a", data: "still open" })
  await eventually("the event arrives", () => clients.every(({ text }) => text().includes("still open")))
  assert.equal(isClosed, false)
  server.closeAllConnections()
  await eventually("the server is closed", () => isClosed)
  await eventually("the streams are closed", () => hub.stats().connections === 0)
})

test("what a client sends on the connection of a stream is discarded", async (t) => {
  const parsers = countParsers(t)
  const urls: unknown[] = []
  const { connect, hub } = await listen(t, (opened) => (req, res) => {
    urls.push(req.url)
    sse(req, res, opened.subscribe({ topics: ["a"] }))
  })
  const { socket, text } = connect()
  await eventually("the stream is open", () => hub.stats().live === 1)
  await eventually("its parser is freed", () => parsers() === 0)
  const bytes = `GET /second HTTP/1.1\r\nHost: localhost\r\n\r\n${"\0 not HTTP ".repeat(100_000)}`
  await new Promise((resolve) => socket.write(bytes, resolve))
  await hub.publish({ topic: "a", data: "news" })
  await eventually("the event arrives", () => text().includes("data: news"))
  assert.deepEqual(urls, ["/first"])
  assert.equal(hub.stats().connections, 1)
  // a client that only ends its half is gone, as Node treats it elsewhere
  socket.end()
  await eventually("the stream is closed", () => hub.stats().connections === 0)
})

test("the parser stays while the body of a request arrives", async (t) => {
  const parsers = countParsers(t)
  let body = ""
  const { connect, hub } = await listen(t, (opened) => (req, res) => {
    sse(req, res, opened.subscribe({ topics: ["a"] }))
    req.on("data", (chunk) => (body += chunk))
  })
  const { socket, text } = connect("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nfirst")
  await eventually("the stream is open", () => hub.stats().live === 1)
  await eventually("the first half arrives", () => body === "first")
  socket.write("-last")
  await eventually("the second half arrives", () => body === "first-last")
  assert.equal(parsers(), 1)
  await hub.publish({ topic: "a", data: "news" })
  await eventually("the event arrives", () => text().includes("data: news"))
})

test("a stream works when the socket has no parser of the expected shape, or another reader", async (t) => {
  const changes: Readonly<Record<string, (socket: Socket & { readonly parser?: object }) => void>> = {
    // Node's server calls the other methods itself when the connection closes
    "/no-method": ({ parser }) => void Object.assign(parser ?? {}, { close: undefined }),
    "/no-parser": (socket) => void Object.assign(socket, { parser: undefined }),
    "/no-server": (socket) => void Object.assign(socket, { server: {} }),
    "/read": (socket) => void socket.on("data", () => {}),
  }
  const parsers = countParsers(t)
  const { server, connect, hub } = await listen(t, (opened) => (req, res) => {
    changes[req.url ?? ""]?.(req.socket)
    sse(req, res, opened.subscribe({ topics: ["a"] }))
  })
  const clients = Object.keys(changes).map((url) => connect(GET.replace("/first", url)))
  await eventually("the streams are open", () => hub.stats().live === clients.length)
  await hub.publish({ topic: "a", data: "news" })
  await eventually("all get the event", () => clients.every(({ text }) => text().includes("data: news")))
  assert.equal(parsers(), clients.length, "nothing is released")
  server.closeAllConnections()
  await eventually("all are closed", () => clients.every(({ socket }) => socket.closed))
})
