import assert from "node:assert/strict"
import http, { type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { test } from "node:test"
import { sse } from "../../src/adapters/node.ts"
import { createHub } from "../../src/index.ts"
import { connect, createClock, type ConnectOptions, type Handler } from "../../src/testing/index.ts"
import { styles } from "./styles.ts"

/** A request as a handler saw it. */
interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: Record<string, unknown>
  readonly body: string
}

/** Handlers of both kinds that tell what they are asked. */
const mirrors: Readonly<Record<string, Handler>> = {
  "a listener": async (req: IncomingMessage, res) => {
    const seen: Seen = { method: req.method, url: req.url, headers: req.headers, body: await text(req) }
    res.end(JSON.stringify(seen))
  },
  "a fetch handler": {
    async fetch(request) {
      const { method, url } = request
      const headers = Object.fromEntries(request.headers)
      return Response.json({ method, url: url.replace("http://localhost", ""), headers, body: await request.text() })
    },
  },
}

for (const [name, handler] of Object.entries(mirrors)) {
  const seenBy = async (options?: ConnectOptions): Promise<Seen> => JSON.parse((await connect(handler, options)).text)

  test(`${name} receives the request of an EventSource`, async () => {
    const { method, url, headers, body } = await seenBy()
    assert.deepEqual([method, url, body], ["GET", "/", ""])
    assert.equal(headers["accept"], "text/event-stream")
    assert.equal(headers["cache-control"], "no-store")
    assert.equal(headers["last-event-id"], undefined)
  })

  test(`${name} receives path, headers and last event id unchanged`, async () => {
    const options = {
      path: "/news?topic=a%20b",
      headers: { Authorization: "Bearer t", Accept: "*/*" },
      lastEventId: "é",
    }
    const { url, headers } = await seenBy(options)
    assert.equal(url, "/news?topic=a%20b")
    assert.equal(headers["authorization"], "Bearer t")
    assert.equal(headers["accept"], "*/*")
    assert.equal(headers["last-event-id"], "\u00c3\u00a9", "UTF-8, as Latin-1 to those who read headers")
  })

  test(`${name} receives a body: strings unchanged, everything else as JSON`, async () => {
    const json = await seenBy({ body: { prompt: "hello ✓" } })
    assert.deepEqual([json.method, json.body], ["POST", '{"prompt":"hello ✓"}'])
    assert.equal(json.headers["content-type"], "application/json")
    const raw = await seenBy({ method: "PUT", body: "as it is" })
    assert.deepEqual([raw.method, raw.body], ["PUT", "as it is"])
  })
}

for (const [name, style] of Object.entries(styles)) {
  test(`${name}: a response that is not a stream is available as a whole`, async () => {
    const hub = createHub({ clock: createClock() })
    const handler = style(() => hub.subscribe({ topics: ["news"] }))
    const refused = await connect(handler, { method: "DELETE" })
    assert.equal(refused.status, 405)
    assert.equal(refused.text, "This is an event stream: use GET, QUERY or POST.\n")
    assert.equal(refused.isOpen, false)
    const head = await connect(handler, { method: "HEAD" })
    assert.deepEqual([head.status, await head.closed(), head.text], [200, "ended", ""])
  })

  test(`${name}: ten minutes ago means ten minutes of the hub's clock`, async () => {
    const clock = createClock()
    const hub = createHub({ clock })
    await hub.publish({ topic: "news", data: "old" })
    await clock.pass(11 * 60_000)
    await hub.publish({ topic: "news", data: "new" })
    const reader = await connect(
      style(() => hub.subscribe({ topics: ["news"] })),
      { path: "/?since=10m" },
    )
    assert.equal((await reader.next()).data, "new")
    await reader.cut()
  })
}

test("over memory a client receives the same bytes as over a socket", async () => {
  const clock = createClock()
  const hub = createHub({ clock })
  for (let i = 0; i < 5; i++)
    await hub.publish({ topic: "news", event: "tick", data: { i, text: "✓".repeat(i * 20_000) } })
  const listener: http.RequestListener = (req, res) =>
    sse(req, res, hub.subscribe({ topics: ["news"], from: "earliest", until: ({ data }) => data.startsWith('{"i":4') }))
  const server = http.createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const real = await fetch(`http://127.0.0.1:${port}/`)
  const inMemory = await connect(listener)
  assert.equal(await inMemory.closed(), "ended")
  assert.equal(inMemory.text, await real.text())
  const namesOf = (headers: Headers): string[] => [...headers.keys()].sort()
  assert.deepEqual(namesOf(inMemory.headers), namesOf(real.headers))
  server.close()
  await hub.close()
})
