import assert from "node:assert/strict"
import { getEventListeners, once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import type { Transform } from "node:stream"
import { test, type TestContext } from "node:test"
import zlib, { createBrotliCompress, createDeflate, createGzip } from "node:zlib"
import { EventSource, stream } from "../../src/client/node.ts"

const head = { "content-type": "text/event-stream" }

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

const ENCODINGS: Readonly<Record<string, () => Transform & zlib.Zlib>> = {
  gzip: createGzip,
  "X-GZIP": createGzip,
  deflate: createDeflate,
  br: createBrotliCompress,
  ...(typeof zlib.createZstdCompress === "function" && { zstd: () => zlib.createZstdCompress() }),
}

for (const [encoding, createEncoder] of Object.entries(ENCODINGS)) {
  test(`events compressed by ${encoding}, without a request for it, arrive one by one`, async (t) => {
    let carryOn = (): void => {}
    let accepted: string | undefined
    const url = await serve(t, (req, res) => {
      accepted = req.headers["accept-encoding"]
      res.writeHead(200, { ...head, "content-encoding": encoding })
      const encoder = createEncoder()
      encoder.pipe(res)
      encoder.write("data: first\n\n")
      encoder.flush()
      carryOn = () => void encoder.end("data: second\n\n")
    })
    const data: string[] = []
    for await (const event of stream(url, { reconnectOnEnd: false })) {
      data.push(event.data)
      carryOn()
    }
    assert.deepEqual([data, accepted], [["first", "second"], undefined])
  })
}

test("requests use node:http, which ends no quiet stream, unless a fetch is given", async (t) => {
  const { fetch } = globalThis
  t.after(() => (globalThis.fetch = fetch))
  let calls = 0
  globalThis.fetch = (...args) => {
    calls++
    return fetch(...args)
  }
  const url = await serve(t, (_, res) => void res.writeHead(200, head).end("data: x\n\n"))
  for (const options of [{}, { fetch: globalThis.fetch }]) {
    const before = calls
    for await (const event of stream(url, { reconnectOnEnd: false, ...options })) assert.equal(event.data, "x")
    const source = new EventSource(url, options)
    await once(source, "message")
    source.close()
    assert.equal(calls - before, "fetch" in options ? 2 : 0)
  }
})

test("a closed stream releases its socket at once, so that the process can end", async (t) => {
  const url = await serve(t, (_, res) => void res.writeHead(200, head).write("data: x\n\n"))
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length
  const gone = async (): Promise<void> => {
    for (let turns = 0; turns < 10_000 && sockets() > 0; turns++) await new Promise((resolve) => setImmediate(resolve))
    assert.equal(sockets(), 0)
  }
  await gone() // those of the tests before
  const source = new EventSource(url)
  t.after(() => source.close())
  await once(source, "message")
  const events = stream(url)
  t.after(() => events.close())
  await events.next()
  assert.equal(sockets(), 4, "two connections, both ends in this process")
  source.close()
  events.close()
  await gone()
})

test("a long-lived signal holds no references to ended streams", async (t) => {
  const url = await serve(t, (_, res) => void res.writeHead(200, head).write("data: x\n\n"))
  const { signal } = new AbortController()
  const source = new EventSource(url, { signal })
  t.after(() => source.close())
  await once(source, "message")
  const events = stream(url, { signal })
  await events.next()
  source.close()
  events.close()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(getEventListeners(signal, "abort").length, 0)
})

test("interim responses before a response are ignored, and a server that sends them without end is left", async (t) => {
  let most = 100
  let sent = 0
  const url = await serve(t, (_, res) => {
    const { socket } = res
    const interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
    const write = (): void => {
      while (sent < most) {
        if (!socket?.writable) return
        sent++
        if (!socket.write(interim)) return void socket.once("drain", write)
      }
      if (sent >= most) res.writeHead(200, head).end("data: a\n\n")
    }
    socket?.on("error", () => {})
    write()
  })
  const data: string[] = []
  for await (const event of stream(url, { reconnectOnEnd: false })) data.push(event.data)
  assert.deepEqual(data, ["a"])
  most = Infinity
  await assert.rejects(
    async () => {
      for await (const _ of stream(url, { retry: { attempts: 0 } }));
    },
    ({ cause }: Error) => /more than 100 interim responses/.test(String(cause)),
  )
})
