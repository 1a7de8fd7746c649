import assert from "node:assert/strict"
import http2 from "node:http2"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { sse } from "../../../src/adapters/node.ts"
import { createHub } from "../../../src/hub/index.ts"
import { selfSigned } from "../../adapters/certificate.ts"
import { shareBrowsers } from "./browser.ts"
import { missing } from "./find.ts"
import { until } from "./until.ts"

const openBrowser = shareBrowsers()

/** Over HTTP/1.1 all tabs of a browser together have six. */
const STREAMS = 20

declare global {
  var heard: string[]
}

test(
  "over HTTP/2 chromium has 20 streams of one origin live at once, on one connection",
  { skip: missing("chromium") },
  async (t) => {
    const hub = createHub()
    const sessions = new Set<http2.Http2Session>()
    const streaming = new Set<http2.Http2Session | undefined>()
    const server = http2.createSecureServer(selfSigned(), (req, res) => {
      const topic = req.url.slice(1)
      if (!topic.startsWith("topic"))
        return void res.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>")
      streaming.add(req.stream.session)
      sse(req, res, hub.subscribe({ topics: [topic] }))
    })
    server.on("session", (session) => sessions.add(session))
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    t.after(async () => {
      for (const session of sessions) session.destroy()
      server.close()
      await hub.close()
    })
    const browser = await openBrowser("chromium", t)
    const page = await browser.open(`https://localhost:${(server.address() as AddressInfo).port}/`)
    await page.evaluate((count) => {
      globalThis.heard = []
      for (let i = 0; i < count; i++) {
        new EventSource(`/topic${i}`).addEventListener("message", ({ data }) => globalThis.heard.push(String(data)))
      }
    }, STREAMS)
    await until("all are live", () => hub.stats().live === STREAMS)
    const wanted = Array.from({ length: STREAMS }, (_, i) => `for ${i}`)
    await hub.publishMany(wanted.map((data, i) => ({ topic: `topic${i}`, data })))
    const heard = await until(
      "all have heard",
      () => page.evaluate(() => globalThis.heard),
      ({ length }) => length === STREAMS,
    )
    assert.deepEqual(new Set(heard), new Set(wanted))
    assert.equal(hub.stats().live, STREAMS)
    assert.equal(streaming.size, 1)
  },
)
