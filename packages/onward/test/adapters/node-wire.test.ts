// Over 400 lines because each rule of HTTP/1.1 on the wire is one test, and all of them use the same server.
import assert from "node:assert/strict"
import http, { type RequestListener } from "node:http"
import net, { type AddressInfo, type Socket } from "node:net"
import { test, type TestContext } from "node:test"
import { createHub } from "onward"
import { sse } from "onward/node"
import { decodeChunked, splitResponse } from "./chunked.ts"
import { eventually, settled } from "./exchange.ts"

interface Wire {
  readonly server: http.Server
  /** Connects and sends `request`; everything that comes back is in `received`. */
  connect(request: string): { socket: Socket; received: () => Buffer }
}

async function wired(listener: RequestListener, use: (wire: Wire) => Promise<void>): Promise<void> {
  const server = http.createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const sockets: Socket[] = []
  try {
    await use({
      server,
      connect(request) {
        const socket = net.connect((server.address() as AddressInfo).port, "127.0.0.1")
        const chunks: Buffer[] = []
        sockets.push(socket)
        socket.on("error", () => {})
        socket.on("data", (chunk: Buffer) => chunks.push(chunk))
        socket.write(request)
        return { socket, received: () => Buffer.concat(chunks) }
      },
    })
  } finally {
    for (const socket of sockets) socket.destroy()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

const texts = [
  ...[0, 1, 5, 6, 7, 200, 239, 240, 255, 256, 4_080, 4_096, 16_384, 65_520, 65_536, 65_537, 200_000].map((n) =>
    "x".repeat(n),
  ),
  ...[1, 3, 7, 80, 120, 1_000, 22_000, 70_000].flatMap((n) => ["é".repeat(n), "東".repeat(n), `${"x".repeat(n)}🦊`]),
  "\ud800",
  "a\r\nb\rc\nd",
]

const framed = texts.map((text) => `data: ${text.replace(/\r\n?|\n/g, "\ndata: ")}\n\n`.toWellFormed()).join("")

test("events of a source are exact chunked coding on the wire", async () => {
  const listener: RequestListener = (req, res) =>
    sse(req, res, async function* () {
      for (const data of texts) yield { data }
    })
  await wired(listener, async ({ connect }) => {
    const { socket, received } = connect(GET)
    await eventually("the stream ended", () => socket.readableEnded || socket.destroyed)
    const { head, rest } = splitResponse(received())
    assert.match(head, /\r\ntransfer-encoding: chunked/i)
    const { body, isComplete } = decodeChunked(rest)
    assert.ok(isComplete)
    assert.equal(
      body.toString(),
      `: heartbeat 15000\n${framed}event: stream.end\nretry: 86400000 ms\nid: stream.end\ndata: {}\n\n`,
    )
  })
})

test("events of a hub are exact chunked coding on the wire", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  await wired(
    (req, res) => sse(req, res, hub.subscribe({ topics: ["a"], until: ({ data }) => data === "end" })),
    async ({ connect }) => {
      const clients = [connect(GET), connect(GET)]
      await eventually("they are live", () => hub.stats().live === 2)
      for (const data of texts) {
        await hub.publish({ topic: "a", data })
        if (data.length % 2 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      await hub.publish({ topic: "a", data: "end" })
      for (const { socket, received } of clients) {
        await eventually("the stream ended", () => socket.readableEnded || socket.destroyed)
        const { body, isComplete } = decodeChunked(splitResponse(received()).rest)
        assert.ok(isComplete)
        const text = body
          .toString()
          .replace(/^: heartbeat \d+\nevent: stream\.checkpoint\nid: .*\ndata: \{\}\n\n/, "")
          .replace(/^(id|event|retry): .*\n/gm, "")
        assert.equal(text, `${framed}data: end\n\ndata: {}\n\n`)
      }
    },
  )
})

test("the head and the first events are sent together", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  await hub.publish({ topic: "a", data: "history" })
  await wired(
    (req, res) => sse(req, res, hub.subscribe({ topics: ["a"] })),
    async ({ connect }) => {
      const { socket, received } = connect(GET)
      await new Promise((resolve) => socket.once("data", resolve))
      const { rest } = splitResponse(received())
      assert.match(
        rest.toString(),
        /^[0-9a-f]+\r\n: heartbeat 15000\nevent: stream\.checkpoint\nid: \S+\ndata: \{\}\n\n\r\n$/,
      )
    },
  )
})

/** Hides an undocumented method of Node from the library alone, because Node itself needs it. Returns how often the library looked for it. */
function hideFromLibrary(t: TestContext, name: "_send"): () => number {
  const original: unknown = Reflect.get(http.ServerResponse.prototype, name)
  let looks = 0
  Object.defineProperty(http.ServerResponse.prototype, name, {
    configurable: true,
    get() {
      const [, , caller = ""] = new Error().stack?.split("\n") ?? []
      if (!caller.includes("src/node/sse.ts")) return original
      looks++
      return undefined
    },
  })
  t.after(() => Reflect.deleteProperty(http.ServerResponse.prototype, name))
  return () => looks
}

for (const isHidden of [false, true]) {
  test(`a stream is the same bytes ${isHidden ? "without" : "with"} the method by which Node sends a head`, async (t) => {
    const looks = isHidden ? hideFromLibrary(t, "_send") : () => 1
    const long = "é".repeat(5_000)
    const source = async function* (): AsyncGenerator<string> {
      yield "first"
      yield long
    }
    const heads = new Set<string>()
    await wired(
      (req, res) => sse(req, res, source, { padding: req.url === "/padded" ? 3_000 : 0 }),
      async ({ connect }) => {
        for (const path of ["/", "/padded"]) {
          const { socket, received } = connect(GET.replace("/", path))
          await eventually("the stream ended", () => socket.readableEnded || socket.destroyed)
          const { head, rest } = splitResponse(received())
          heads.add(head.replace(/^date:.*$/im, ""))
          const { body, isComplete } = decodeChunked(rest)
          assert.ok(isComplete)
          const text = body.toString().replace(/^:[^\n]*\n+/gm, "")
          assert.ok(text.startsWith(`data: first\n\ndata: ${long}\n\nevent: stream.end\n`), text.slice(0, 100))
        }
      },
    )
    assert.equal(heads.size, 1)
    assert.ok(looks() > 0)
  })
}

test("an HTTP/1.0 client receives the stream without chunks, ended by the end of the connection", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  await wired(
    (req, res) => sse(req, res, hub.subscribe({ topics: ["a"], until: ({ data }) => data === "end" })),
    async ({ connect }) => {
      const { socket, received } = connect("GET / HTTP/1.0\r\n\r\n")
      await eventually("it is live", () => hub.stats().live === 1)
      await hub.publishMany([
        { topic: "a", data: "größe" },
        { topic: "a", data: "end" },
      ])
      await eventually("the stream ended", () => socket.readableEnded || socket.destroyed)
      const { head, rest } = splitResponse(received())
      assert.doesNotMatch(head, /transfer-encoding/i)
      assert.match(
        rest.toString(),
        /^: heartbeat 15000\nevent: stream\.checkpoint\nid: \S+\ndata: \{\}\n\nid: \S+\ndata: größe\n\nid: \S+\ndata: end\n\nevent: stream\.end\n.*\n.*\n.*\n\n$/,
      )
    },
  )
})

test("the stream of a pipelined request follows the earlier response", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  await wired(
    (req, res) => {
      if (req.url === "/") sse(req, res, hub.subscribe({ topics: ["a"], until: ({ data }) => data === "end" }))
      else setTimeout(() => res.end("slow"), 20)
    },
    async ({ connect }) => {
      const { socket, received } = connect(`GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n${GET}`)
      await eventually("it is live", () => hub.stats().live === 1)
      await hub.publish({ topic: "a", data: "größe" })
      await eventually("it came", () => received().includes("größe"))
      await hub.publish({ topic: "a", data: "x".repeat(300_000) })
      await hub.publish({ topic: "a", data: "end" })
      await eventually("the stream ended", () => received().includes("stream.end"))
      await eventually("all of it", () => received().subarray(-5).toString() === "0\r\n\r\n")
      const first = splitResponse(received())
      assert.match(first.head, /content-length: 4/i)
      assert.equal(first.rest.subarray(0, 4).toString(), "slow")
      const { body, isComplete } = decodeChunked(splitResponse(first.rest.subarray(4)).rest)
      assert.ok(isComplete)
      assert.match(body.toString(), /data: größe\n\n.*data: x{300000}\n\n.*stream\.end/s)
      socket.destroy()
    },
  )
})

test("a second stream on one connection is never mixed into the first", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  await wired(
    (req, res) => sse(req, res, hub.subscribe({ topics: [req.url ?? ""] })),
    async ({ connect }) => {
      const { received, socket } = connect("GET /a HTTP/1.1\r\nHost: l\r\n\r\nGET /b HTTP/1.1\r\nHost: l\r\n\r\n")
      await eventually("it is live", () => hub.stats().live >= 1)
      for (let i = 0; i < 10; i++) {
        await hub.publish({ topic: "/b", data: `b${i}` })
        await hub.publish({ topic: "/a", data: `a${i}` })
      }
      await eventually("it came", () => received().includes("a9"))
      assert.doesNotMatch(decodeChunked(splitResponse(received()).rest).body.toString(), /data: b/)
      socket.destroy()
      await eventually("both are forgotten", () => hub.stats().connections === 0)
    },
  )
})

test("a middleware that wraps the response receives every byte, and is flushed after each write", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  const seen: Buffer[] = []
  let unflushed = 0
  await wired(
    (req, res) => {
      const write = res.write.bind(res)
      const end = res.end.bind(res)
      // as compression does it: it holds what it gets until it is told to flush
      let held: Buffer[] = []
      const release = () => {
        for (const chunk of held) write(chunk)
        held = []
      }
      Object.assign(res, {
        write(chunk: Buffer | string) {
          const bytes = Buffer.from(chunk)
          seen.push(bytes)
          held.push(bytes)
          unflushed++
          return true
        },
        flush() {
          unflushed = 0
          release()
        },
        end() {
          release()
          return end()
        },
      })
      sse(req, res, hub.subscribe({ topics: ["a"], until: ({ data }) => data === "end" }))
    },
    async ({ connect }) => {
      const { received } = connect(GET)
      await eventually("it is live", () => hub.stats().live === 1)
      for (const data of ["größe", "two", "end"]) {
        await hub.publish({ topic: "a", data })
        await eventually("it came", () => received().includes(data))
        assert.equal(unflushed, 0)
      }
      await eventually("all of it", () => received().subarray(-5).toString() === "0\r\n\r\n")
      const { body } = decodeChunked(splitResponse(received()).rest)
      assert.equal(Buffer.concat(seen).toString(), body.toString())
      assert.match(body.toString(), /größe[^]*two[^]*end[^]*stream\.end/)
    },
  )
})

test("TCP keep-alive probes the connection before heartbeats would hide a dead peer", async (t) => {
  const probes: unknown[][] = []
  const hub = createHub()
  t.after(() => hub.close())
  await wired(
    (req, res) => {
      req.socket.setKeepAlive = function (...args: unknown[]) {
        probes.push(args)
        return net.Socket.prototype.setKeepAlive.apply(this, args as [boolean, number])
      }
      sse(req, res, hub.subscribe({ topics: ["a"] }))
    },
    async ({ connect }) => {
      connect(GET)
      await eventually("it is live", () => hub.stats().live === 1)
      assert.equal(probes.length, 1)
      const [[enabled, delay]] = probes as [[boolean, number]]
      assert.equal(enabled, true)
      // libuv: ten probes, a second apart; a heartbeat may come after 90 % of 15 s
      assert.equal(delay, 2_000)
    },
  )
})

test("a server's timeout for idle connections does not apply to streams", async () => {
  const hub = createHub()
  await wired(
    (req, res) => sse(req, res, hub.subscribe({ topics: ["a"] })),
    async ({ server, connect }) => {
      server.timeout = 50
      const { received, socket } = connect(GET)
      const idle = connect("")
      await eventually("the stream stands", () => received().includes("id: "))
      await eventually("a connection without one has timed out", () => idle.socket.closed)
      const second = connect("")
      await eventually("and another", () => second.socket.closed)
      assert.equal(socket.closed, false)
      await hub.publish({ topic: "a", data: "still there" })
      await eventually("news arrive", () => received().includes("still there"))
    },
  )
  await hub.close()
})

test("a stalled client costs at most one buffer and one write, and receives everything when it reads again", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  const sockets: Socket[] = []
  await wired(
    (req, res) => {
      sockets.push(req.socket)
      sse(req, res, hub.subscribe({ topics: ["a"] }))
    },
    async ({ connect }) => {
      const { socket, received } = connect(GET)
      await eventually("it is live", () => hub.stats().live === 1)
      socket.pause()
      const [server] = sockets as [Socket]
      let largest = 0
      const count = 300
      for (let i = 0; i < count; i++) {
        await hub.publish({ topic: "a", data: `${i} `.padEnd(50_000, "x") })
        await new Promise((resolve) => setImmediate(resolve))
        largest = Math.max(largest, server.writableLength)
      }
      await settled(() => server.writableLength)
      assert.equal(hub.stats().live, 0, "it is not live while it is full")
      assert.ok(largest <= 65_536 + 131_072, `${largest} bytes were waiting in the socket`)
      socket.resume()
      await eventually("all came", () => /data: 299 x+\n\n\r\n$/.test(received().subarray(-60_000).toString()))
      await eventually("it is live again", () => hub.stats().live === 1)
      const { body } = decodeChunked(splitResponse(received()).rest)
      const numbers = [...body.toString().matchAll(/^data: (\d+) /gm)].map(([, n]) => Number(n))
      assert.deepEqual(
        numbers,
        Array.from({ length: count }, (_, i) => i),
      )
    },
  )
})

test("a stalled client is closed after the stall timeout", async (t) => {
  const hub = createHub({ stallTimeout: 500, heartbeat: 500 })
  t.after(() => hub.close())
  await wired(
    (req, res) => sse(req, res, hub.subscribe({ topics: ["a"] })),
    async ({ connect }) => {
      const { socket } = connect(GET)
      await eventually("it is live", () => hub.stats().live === 1)
      socket.pause()
      const data = "x".repeat(500_000)
      while (hub.stats().live === 1) {
        await hub.publish({ topic: "a", data })
        await new Promise((resolve) => setImmediate(resolve))
      }
      await eventually("it is gone", () => hub.stats().connections === 0)
    },
  )
})

for (const version of ["1.1", "1.0"]) {
  test(`HTTP/${version}: a client that does not read the rest is cut 30 s after the end`, async (t) => {
    const hub = createHub()
    t.after(() => hub.close())
    const calls: unknown[] = []
    await wired(
      (req, res) => {
        const destroy = res.destroy.bind(res)
        res.destroy = () => {
          calls.push("destroy")
          return destroy()
        }
        res.setTimeout = (ms, cut) => {
          calls.push(ms)
          cut?.()
          return res
        }
        sse(req, res, hub.subscribe({ topics: ["a"], until: () => true }))
      },
      async ({ connect }) => {
        const { socket } = connect(GET.replace("1.1", version))
        await eventually("it is live", () => hub.stats().live === 1)
        assert.deepEqual(calls, [], "while it is open it has no limit")
        await hub.publish({ topic: "a", data: "last" })
        await eventually("it is closed", () => socket.closed)
        assert.deepEqual(calls, [30_000, "destroy"])
      },
    )
  })
}

test("a response that cannot begin is destroyed, and its error thrown", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  const broken = new Error("no head")
  const thrown: unknown[] = []
  await wired(
    (req, res) => {
      res.writeHead = () => {
        throw broken
      }
      try {
        sse(req, res, hub.subscribe({ topics: ["a"] }))
      } catch (error) {
        thrown.push(error)
      }
    },
    async ({ connect }) => {
      const { socket, received } = connect(GET)
      await eventually("it is cut", () => socket.closed)
      assert.deepEqual([thrown, received().length, hub.stats().connections], [[broken], 0, 0])
    },
  )
})
