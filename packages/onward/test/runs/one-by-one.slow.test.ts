import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, get, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { createGunzip } from "node:zlib"
import compression from "compression"
import { sse } from "../../src/node/index.ts"
import { parse } from "../../src/protocol/index.ts"
import { createRuns, openaiChat } from "../../src/runs/index.ts"
import { nginx } from "../proxies/setups/nginx.ts"
import { missing, start } from "../proxies/start.ts"

const WORDS = ["Once", " upon", " a", " time"]

/** Chunks that come only when the one before has been seen: whoever holds one back waits for good. */
function createTeller(): { source: () => AsyncGenerator<object>; seen: () => void } {
  let saw: (() => void) | undefined
  return {
    seen: () => saw?.(),
    async *source() {
      for (const content of WORDS) {
        const isSeen = new Promise<void>((resolve) => (saw = resolve))
        yield { choices: [{ index: 0, delta: { content }, finish_reason: null }] }
        await isSeen
      }
      yield { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }
    },
  }
}

async function serve(t: TestContext): Promise<{ port: number; seen: () => void }> {
  const runs = createRuns({ format: openaiChat() })
  const { source, seen } = createTeller()
  await runs.start("a", source)
  const compress = compression({ threshold: 0 })
  const server = createServer((req, res) => {
    // whoever starts a proxy asks whether it is there
    if (req.url !== "/run") return void res.end()
    compress(req as never, res as never, () => sse(req, res, runs.source("a")))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await runs.close()
  })
  return { port: (server.address() as AddressInfo).port, seen }
}

async function read(port: number, seen: () => void): Promise<string> {
  const [res] = (await once(
    get({ port, host: "127.0.0.1", path: "/run", headers: { "accept-encoding": "gzip", accept: "application/json" } }),
    "response",
  )) as [IncomingMessage]
  assert.equal(res.statusCode, 200)
  const body = res.headers["content-encoding"] === "gzip" ? res.pipe(createGunzip()) : res
  let text = ""
  for await (const { data } of parse(body as AsyncIterable<Uint8Array>)) {
    if (data === "[DONE]") return text
    const [choice] = (JSON.parse(data) as { choices: { delta: { content?: string } }[] }).choices
    if (choice?.delta.content === undefined) continue
    text += choice.delta.content
    seen()
  }
  return `${text} (cut)`
}

test("behind a middleware that compresses, each token arrives before the next is produced", async (t) => {
  const { port, seen } = await serve(t)
  assert.equal(await read(port, seen), WORDS.join(""))
})

for (const use of ["plain", "compressing"] as const) {
  test(
    `behind nginx (${use}) too, each token arrives before the next is produced`,
    { skip: missing(nginx) },
    async (t) => {
      const { port, seen } = await serve(t)
      const proxy = await start(nginx, use, port)
      t.after(() => proxy.close())
      assert.equal(await read(proxy.port, seen), WORDS.join(""))
    },
  )
}
