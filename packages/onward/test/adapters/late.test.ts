import assert from "node:assert/strict"
import http from "node:http"
import http2 from "node:http2"
import net, { type AddressInfo } from "node:net"
import { test } from "node:test"
import { createHub, type Hub } from "onward"
import { sse, type Source } from "onward/node"
import { sse as webSse } from "onward/web"
import { eventually } from "./exchange.ts"

/** What is streamed, and how to know that it was let go. */
const sources: Readonly<Record<string, (hub: Hub) => { source: Source; begun: () => boolean; isOver: () => boolean }>> =
  {
    "a hub": (hub) => ({
      source: hub.subscribe({ topics: ["a"], from: "earliest" }),
      begun: () => true,
      isOver: () => hub.stats().connections === 0,
    }),
    "a generator": () => {
      let signals = 0
      let returns = 0
      let starts = 0
      const source: Source = async function* ({ signal }) {
        starts++
        signal.addEventListener("abort", () => signals++)
        try {
          for (;;) {
            yield "tick"
            await new Promise((resolve) => setTimeout(resolve, 2))
          }
        } finally {
          returns++
        }
      }
      // one that was never asked for has nothing to let go of
      return { source, begun: () => starts > 0, isOver: () => starts === signals && starts === returns }
    },
  }

for (const [name, make] of Object.entries(sources)) {
  test(`node:http: ${name} is released when the client disconnected before its response`, async (t) => {
    const hub = createHub()
    t.after(() => hub.close())
    const { source, isOver } = make(hub)
    let answered = 0
    const server = http.createServer((req, res) => {
      // as after a look into a slow database
      req.socket.on("close", () =>
        setImmediate(() => {
          sse(req, res, source)
          setTimeout(() => answered++, 20)
        }),
      )
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    try {
      const socket = net.connect((server.address() as AddressInfo).port)
      socket.on("error", () => {})
      socket.end("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
      await eventually("it was answered", () => answered > 0)
      await eventually("it was let go", isOver)
      await hub.publish({ topic: "a" })
    } finally {
      server.close()
    }
  })

  test(`node:http2: ${name} is released when the client disconnected before its response`, async (t) => {
    const hub = createHub()
    t.after(() => hub.close())
    const { source, isOver } = make(hub)
    let answered = 0
    let asked = false
    const server = http2.createServer((req, res) => {
      asked = true
      req.stream.on("error", () => {})
      req.stream.on("close", () =>
        setImmediate(() => {
          sse(req, res, source)
          setTimeout(() => answered++, 20)
        }),
      )
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    try {
      const stream = session.request({ ":path": "/" })
      stream.on("error", () => {})
      await eventually("it was asked", () => asked)
      stream.close(http2.constants.NGHTTP2_CANCEL)
      await eventually("it was answered", () => answered > 0)
      await eventually("it was let go", isOver)
      await hub.publish({ topic: "a" })
    } finally {
      session.destroy()
      server.close()
    }
  })
}

test("publishing to a client that is disconnecting is not an error", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  const errors: unknown[] = []
  const server = http.createServer((req, res) => sse(req, res, hub.subscribe({ topics: ["a"] })))
  server.on("clientError", (error, socket) => {
    errors.push(error)
    socket.destroy()
  })
  server.on("connection", (socket) => {
    // the moment a client's FIN arrives, before the connection is closed
    socket.prependListener("end", () => setImmediate(() => hub.publish({ topic: "a", data: "x".repeat(100) })))
    socket.on("end", () => void hub.publish({ topic: "a", data: "y".repeat(100) }))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    for (let i = 0; i < 5; i++) {
      const socket = net.connect((server.address() as AddressInfo).port)
      socket.on("error", () => {})
      socket.resume()
      socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
      await eventually("it is live", () => hub.stats().live === 1)
      socket.end()
      await eventually("it is gone", () => hub.stats().connections === 0)
    }
    assert.deepEqual(errors.map(String), [])
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

/** Before, an HTTP/2 server waited for its idle sessions, which are the user's to close. */
const closesSessions = Number(process.versions.node.split(".")[0]) >= 24
const skip = closesSessions ? false : "the HTTP/2 server of this Node does not close idle sessions"

test("an HTTP/2 server closes after a drain, although clients keep their connections", { skip }, async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  const server = http2.createServer((req, res) => sse(req, res, hub.subscribe({ topics: ["a"] })))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  session.on("error", () => {})
  try {
    for (let i = 0; i < 10; i++)
      session
        .request({ ":path": "/" })
        .on("error", () => {})
        .resume()
    await eventually("they are live", () => hub.stats().live === 10)
    let isClosed = false
    server.close(() => (isClosed = true))
    await hub.drain({ duration: 0 })
    await eventually("it is closed", () => isClosed)
  } finally {
    session.destroy()
    server.close()
  }
})

/** Waits for its client to leave, before it has anything to stream. */
function starting(): { source: Source; state: () => string } {
  let state = "waiting"
  const source: Source = async ({ signal }) => {
    state = "starting"
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
    state = "told"
    return null
  }
  return { source, state: () => state }
}

test("web: a source function that is still starting is told when its client disconnects", async () => {
  const { source, state } = starting()
  const gone = new AbortController()
  const responding = webSse(new Request("http://localhost/", { signal: gone.signal }), source)
  await eventually("it started", () => state() === "starting")
  gone.abort()
  await eventually("it was told", () => state() === "told")
  await responding
})

test("node: a source function that is still starting is told when its client disconnects", async () => {
  const { source, state } = starting()
  const server = http.createServer((req, res) => sse(req, res, source))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    const request = http.get({ port: (server.address() as { port: number }).port, agent: false })
    request.on("error", () => {})
    await eventually("it started", () => state() === "starting")
    request.destroy()
    await eventually("it was told", () => state() === "told")
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test("an HTTP/2 client that disconnects while its source starts is detected", async () => {
  let signals = 0
  let starts = 0
  let returns = 0
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  const { promise: asked, resolve: arrived } = Promise.withResolvers<void>()
  const server = http2.createServer((req, res) => {
    req.stream.on("close", () => setImmediate(open))
    sse(req, res, async ({ signal }) => {
      signal.addEventListener("abort", () => signals++)
      arrived()
      await gate
      return (async function* () {
        starts++
        try {
          for (;;) {
            yield "tick"
            await new Promise((resolve) => setTimeout(resolve, 5))
          }
        } finally {
          returns++
        }
      })()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const session = http2.connect(`http://127.0.0.1:${(server.address() as { port: number }).port}`)
  try {
    const stream = session.request({ ":path": "/" })
    stream.on("error", () => {})
    await asked
    stream.close(http2.constants.NGHTTP2_CANCEL)
    await eventually("the source is told", () => signals > 0)
    assert.equal(signals, 1)
    await eventually("what was begun is returned", () => returns === starts)
  } finally {
    session.destroy()
    server.close()
  }
})

test("web: a hub releases a request that is already aborted", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  const request = new Request("http://localhost/", { signal: AbortSignal.abort() })
  const response = await webSse(request, hub.subscribe({ topics: ["a"] })).catch(() => undefined)
  await eventually("nobody is connected", () => hub.stats().connections === 0)
  await response?.body?.cancel().catch(() => {})
})

test("web: a source is not started for a request that is already aborted, or is told at once", async () => {
  let isTold = true
  const source: Source = async ({ signal }) => {
    isTold = signal.aborted
    if (!signal.aborted) {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
      isTold = true
    }
    return null
  }
  void webSse(new Request("http://localhost/", { signal: AbortSignal.abort() }), source).catch(() => {})
  await eventually("it is over", () => isTold)
})
