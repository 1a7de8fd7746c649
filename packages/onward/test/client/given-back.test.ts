import assert from "node:assert/strict"
import { getEventListeners, once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { EventSource, stream } from "../../src/client/node.ts"

const STREAMS = 300

/** A server whose streams stay open, or are cut after their first event. */
async function serve(t: TestContext): Promise<{ readonly url: string; readonly sockets: () => number }> {
  let asked = 0
  let sockets = 0
  const server = createServer((_, res) => {
    res.writeHead(200, { "content-type": "text/event-stream" }).write("id: 1\nretry: 1\ndata: a\n\n", () => {
      if (++asked % 3 === 0) res.destroy()
    })
  })
  server.on("connection", (socket) => {
    sockets++
    socket.once("close", () => sockets--)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, sockets: () => sockets }
}

/** How a program leaves a stream. */
const ends: Readonly<Record<string, (url: string, signal: AbortSignal) => Promise<void>>> = {
  "it breaks out of the loop": async (url, signal) => {
    for await (const { data } of stream(url, { signal, onStatus() {} })) if (data === "a") break
  },
  "its own signal is aborted": async (url, signal) => {
    const own = new AbortController()
    const events = stream(url, { signal: AbortSignal.any([signal, own.signal]), onStatus() {} })
    await events.next()
    own.abort()
    await assert.rejects(events.next())
  },
  "it does not retry and the stream is cut": async (url, signal) => {
    const events = stream(url, { signal, retry: false, onStatus() {} })
    await events.next()
    await events.return?.()
  },
  "it closes an EventSource": async (url) => {
    const source = new EventSource(url)
    await once(source, "message")
    source.close()
  },
}

for (const [end, leave] of Object.entries(ends)) {
  test(`${STREAMS} streams leave no socket, timer or listener behind when ${end}`, async (t) => {
    const { url, sockets } = await serve(t)
    const { signal } = new AbortController()
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
    const before = timers()
    for (let i = 0; i < STREAMS; i++) await leave(url, signal)
    while (sockets() > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(getEventListeners(signal, "abort").length, 0)
    assert.ok(timers() <= before, `${timers()} timers are left of ${before}`)
  })
}
