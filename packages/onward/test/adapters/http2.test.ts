import assert from "node:assert/strict"
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from "node:http2"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { createHub, type Hub } from "onward"
import { sse } from "onward/node"
import { selfSigned } from "./certificate.ts"
import { eventually, settled } from "./exchange.ts"

const STREAMS = 100

const servers = {
  secure: { scheme: "https", open: () => http2.createSecureServer(selfSigned()) },
  "in cleartext": { scheme: "http", open: () => http2.createServer() },
} as const

/** One connection to a server that streams the topic a path names. */
async function connected(
  t: TestContext,
  kind: keyof typeof servers,
): Promise<{ hub: Hub; session: ClientHttp2Session }> {
  const hub = createHub()
  const { scheme, open } = servers[kind]
  const server = open()
  server.on("request", (req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) =>
    sse(req, res, hub.subscribe({ topics: [req.url.slice(1)] })),
  )
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const session = http2.connect(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    rejectUnauthorized: false,
  })
  await new Promise((resolve) => session.once("connect", resolve))
  // as browsers do: room for many streams on the connection, so that one that is not read does not use it up
  session.setLocalWindowSize(15 * 1_048_576)
  t.after(async () => {
    session.destroy()
    server.close()
    await hub.close()
  })
  return { hub, session }
}

function reading(stream: ClientHttp2Stream): () => string {
  let text = ""
  stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
  return () => text
}

for (const kind of ["secure", "in cleartext"] as const) {
  test(`node:http2 ${kind}: a hundred streams share one connection, and each receives its own events in order`, async (t) => {
    const { hub, session } = await connected(t, kind)
    const texts = Array.from({ length: STREAMS }, (_, i) => reading(session.request({ ":path": `/topic${i}` })))
    await eventually("all are live", () => hub.stats().live === STREAMS)
    for (let round = 0; round < 3; round++) {
      await hub.publishMany(Array.from({ length: STREAMS }, (_, i) => ({ topic: `topic${i}`, data: `${i}:${round}` })))
    }
    for (const [i, text] of texts.entries()) {
      await eventually("all came", () => text().includes(`data: ${i}:2\n`))
      const data = [...text().matchAll(/^data: (\d.*)$/gm)].map(([, line]) => line)
      assert.deepEqual(data, [`${i}:0`, `${i}:1`, `${i}:2`])
    }
  })

  test(`node:http2 ${kind}: a stream that is not read does not block others, has no queue, and receives everything later`, async (t) => {
    const { hub, session } = await connected(t, kind)
    const stalled = session.request({ ":path": "/a" })
    await new Promise((resolve) => stalled.once("response", resolve))
    const other = reading(session.request({ ":path": "/a" }))
    await eventually("both are live", () => hub.stats().live === 2)
    const count = 200
    for (let i = 0; i < count; i++) {
      await hub.publish({ topic: "a", data: `${i} `.padEnd(10_000, "x") })
      await new Promise((resolve) => setImmediate(resolve))
    }
    await eventually("the other has all", () => other().includes(`data: ${count - 1} `))
    await settled(() => hub.stats().live)
    assert.equal(hub.stats().live, 1, "the stalled one waits behind its position, not in a queue")
    const text = reading(stalled)
    await eventually("it has all", () => text().includes(`data: ${count - 1} `))
    const numbers = [...text().matchAll(/^data: (\d+) /gm)].map(([, n]) => Number(n))
    assert.deepEqual(
      numbers,
      Array.from({ length: count }, (_, i) => i),
    )
    await eventually("it is live again", () => hub.stats().live === 2)
  })

  test(`node:http2 ${kind}: a connection that breaks ends all its streams`, async (t) => {
    const { hub, session } = await connected(t, kind)
    for (let i = 0; i < STREAMS; i++) session.request({ ":path": "/a" }).on("error", () => {})
    await eventually("all are live", () => hub.stats().live === STREAMS)
    session.destroy()
    await eventually("all are forgotten", () => hub.stats().connections === 0)
  })
}
