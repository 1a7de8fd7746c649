import assert from "node:assert/strict"
import { once } from "node:events"
import { connect as connectHttp2, constants } from "node:http2"
import { connect } from "node:net"
import { test, type TestContext } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import type { TLSSocket } from "node:tls"
import { createHttpServer } from "../src/http-server.ts"
import { listen } from "../src/listen.ts"
import { makeCertificate } from "./certificate.ts"
import { closed, FLAG, flood, FRAME, frame, openRaw, request } from "./raw-http2.ts"
import { testServer, type TestServer } from "./server.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const HEAD = FLAG.endHeaders | FLAG.endStream

interface Timeouts {
  readonly headTimeout?: number
  readonly keepAlive?: number
  readonly readTimeout?: number
}

const HOUR = 3_600_000

async function serve(t: TestContext, timeouts: Timeouts) {
  const http = createHttpServer(
    {
      headBytes: 16_384,
      headTimeout: HOUR,
      keepAlive: HOUR,
      ...timeouts,
      tls: makeCertificate(temporaryFolder(t)),
      onError() {},
    },
    (req, res) => {
      if (req.url === "/open") res.write("a")
      else res.end("a".repeat(100))
    },
  )
  t.after(async () => {
    const closed = http.close()
    http.closeAllConnections()
    await closed
  })
  const { port } = await listen(http.server, { host: "127.0.0.1", port: 0 })
  return { port }
}

test("a connection of HTTP/2 without a complete first request is closed, also while it sends PINGs", async (t) => {
  const { port } = await serve(t, { headTimeout: 20 })
  const silent = closed(await openRaw(port))
  const half = await openRaw(port)
  half.write(frame(FRAME.headers, FLAG.endStream, 1, request("/")))
  const halfClosed = closed(half)
  const lively = await openRaw(port)
  const timer = setInterval(() => void (lively.writable && lively.write(frame(FRAME.ping, 0, 0, Buffer.alloc(8)))), 5)
  t.after(() => clearInterval(timer))
  await Promise.all([silent, halfClosed, closed(lively)])
})

test("a connection whose TLS handshake does not end is closed", async (t) => {
  const { port } = await serve(t, { headTimeout: 20 })
  const socket = connect(port, "127.0.0.1").resume()
  await closed(socket)
})

test("a connection of HTTP/2 is closed some time after its last request, and not while a stream is open", async (t) => {
  const { port } = await serve(t, { keepAlive: 20 })
  const session = connectHttp2(`https://localhost:${port}`, { rejectUnauthorized: false })
  t.after(() => session.destroy())
  const open = session.request({ ":path": "/open" }).resume()
  open.on("error", () => {})
  for (let i = 0; i < 3; i++) {
    const other = session.request({ ":path": "/" }).resume()
    await once(other, "close")
    await sleep(40)
  }
  assert.ok(!session.closed, "the open stream keeps it")
  open.close()
  // reset before the server has called its listener
  for (let i = 0; i < 20; i++)
    session
      .request({ ":path": "/open" })
      .on("error", () => {})
      .close()
  await once(session, "close")
})

test("a response of HTTP/2 that its client does not read is cut, and an open stream is not", async (t) => {
  const { port } = await serve(t, { readTimeout: 30 })
  const settings = { initialWindowSize: 10 }
  const session = connectHttp2(`https://localhost:${port}`, { rejectUnauthorized: false, settings })
  t.after(() => session.destroy())
  const open = session.request({ ":path": "/open" }).resume()
  open.on("error", () => {})
  await once(open, "response")
  for (let i = 0; i < 3; i++) {
    const unread = session.request({ ":path": "/" })
    unread.on("error", () => {})
    await closed(unread)
    assert.equal(unread.rstCode, constants.NGHTTP2_CANCEL)
  }
  assert.ok(!open.closed)
})

test("a head larger than the limit is refused by HTTP/2 as by HTTP/1.1", async (t) => {
  const { port } = await serve(t, {})
  const session = connectHttp2(`https://localhost:${port}`, { rejectUnauthorized: false })
  t.after(() => session.destroy())
  const outcomeOf = (headers: Record<string, string>): Promise<unknown> =>
    new Promise((resolve) => {
      const asked = session.request({ ":path": "/", ...headers }).resume()
      asked.once("response", (head) => resolve(head[":status"]))
      asked.once("error", (error: Error) => resolve(error.message))
    })
  assert.equal(await outcomeOf({ "x-a": "a".repeat(16_000) }), 200)
  assert.equal(await outcomeOf({ "x-a": "a".repeat(17_000) }), 431)
  const many = Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`x-${i}`, "a".repeat(200)]))
  assert.equal(await outcomeOf(many), 431)
  // above twice the limit Node answers nothing
  assert.match(String(await outcomeOf({ "x-a": "a".repeat(33_000) })), /NGHTTP2_ENHANCE_YOUR_CALM/)
  assert.equal(await outcomeOf({}), 200, "the connection goes on")
})

const STREAM = request("/events?topic=a", "GET", { accept: "text/event-stream" })
const PUBLISH = request("/publish", "POST", { "content-type": "application/json" })

/** Each floods one connection; whether the hub has to close it. */
const FLOODS: Readonly<Record<string, { readonly mustClose: boolean; send: (socket: TLSSocket) => Promise<void> }>> = {
  "settings that are never acknowledged": {
    mustClose: true,
    send: (socket) => flood(socket, 100_000, () => frame(FRAME.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100]))),
  },
  "PINGs whose answers are not read": {
    mustClose: true,
    send: (socket) => flood(socket.pause(), 100_000, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))),
  },
  "a head that never ends": {
    mustClose: true,
    async send(socket) {
      socket.write(frame(FRAME.headers, FLAG.endStream, 1, request("/")))
      await flood(socket, 100_000, () => frame(FRAME.continuation, 0, 1, request("/", "GET", { a: "b".repeat(900) })))
    },
  },
  "empty pieces of a body": {
    mustClose: true,
    async send(socket) {
      socket.write(frame(FRAME.headers, FLAG.endHeaders, 1, PUBLISH))
      await flood(socket, 100_000, () => frame(FRAME.data, 0, 1))
    },
  },
  "streams that are reset at once": {
    mustClose: false,
    send: (socket) =>
      flood(socket, 10_000, (at) =>
        Buffer.concat([
          frame(FRAME.headers, HEAD, 2 * at + 1, STREAM),
          frame(FRAME.reset, 0, 2 * at + 1, Buffer.from([0, 0, 0, at % 14])),
        ]),
      ),
  },
  "bodies that are reset in the middle": {
    mustClose: false,
    send: (socket) =>
      flood(socket, 2_000, (at) =>
        Buffer.concat([
          frame(FRAME.headers, FLAG.endHeaders, 2 * at + 1, PUBLISH),
          frame(FRAME.data, 0, 2 * at + 1, Buffer.from("{")),
          frame(FRAME.reset, 0, 2 * at + 1, Buffer.from([0, 0, 0, at % 14])),
        ]),
      ),
  },
  "windows of one byte": {
    mustClose: false,
    send: (socket) => flood(socket, 100_000, () => frame(FRAME.window, 0, 0, Buffer.from([0, 0, 0, 1]))),
  },
}

/** How many streams the hub counts. */
async function streamsOf({ adminUrl }: TestServer): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text()
  return [...text.matchAll(/^onward_streams\{[^}]*\} (\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0)
}

test("floods of frames end at most their own connection: a stream next to them receives everything, and nothing stays", async (t) => {
  const server = await testServer(t, { tls: makeCertificate(temporaryFolder(t)), admin: { port: 0 } })
  const session = connectHttp2(`https://localhost:${server.port}`, { rejectUnauthorized: false })
  t.after(() => session.destroy())
  const witness = session.request({ ":path": "/events?topic=w" }).setEncoding("utf8")
  let seen = ""
  witness.on("data", (text: string) => (seen += text))
  await once(witness, "response")
  for (const [name, { mustClose, send }] of Object.entries(FLOODS)) {
    await t.test(name, async () => {
      const socket = await openRaw(server.port)
      const isClosed = closed(socket)
      await send(socket)
      if (!mustClose) socket.destroy()
      await isClosed
      const asked = session.request({ ":method": "POST", ":path": "/publish", "content-type": "application/json" })
      asked.end(JSON.stringify({ topic: "w", data: `after ${name}` }))
      asked.resume()
      while (!seen.includes(`data: after ${name}\n`)) await sleep(10)
    })
  }
  while ((await streamsOf(server)) !== 1) await sleep(20)
})
