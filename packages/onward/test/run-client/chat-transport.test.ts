import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import type { UIMessageChunk } from "ai"
import { sse } from "../../src/adapters/node.ts"
import { chatTransport } from "../../src/run-client/index.ts"
import { aiSdk, createRuns } from "../../src/runs/index.ts"

const format = aiSdk<UIMessageChunk>()
const request = { trigger: "submit-message", chatId: "a", messageId: undefined, messages: [] }

test("an abort only disconnects, headers of both sides are sent, and a refusal is an error", async (t) => {
  await using runs = createRuns({ format })
  const asked: (string | undefined)[] = []
  const server = createServer((req, res) => {
    asked.push(`${req.method} ${req.url} ${String(req.headers["x-mine"])} ${String(req.headers["x-its"])}`)
    if (req.url?.includes("refused")) return void res.writeHead(401).end()
    if (req.method === "DELETE") return void runs.stop("a").then((outcome) => res.end(outcome))
    const start = runs.start("a", async function* ({ signal }) {
      yield { type: "start", messageId: "m" }
      await once(signal, "abort")
    } as (context: { signal: AbortSignal }) => AsyncGenerator<UIMessageChunk>)
    void start.then(() => sse(req, res, runs.source("a", { location: "/api/chat/a/stream" })))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const transport = chatTransport({ api: `${base}/api/chat`, format, headers: { "x-mine": "1" } })
  const aborter = new AbortController()
  const stream = await transport.sendMessages({ ...request, headers: { "x-its": "2" }, abortSignal: aborter.signal })
  const reader = stream.getReader()
  assert.deepEqual((await reader.read()).value, { type: "start", messageId: "m" })
  aborter.abort()
  assert.equal((await reader.read()).done, true)
  assert.equal((await runs.status("a")).status, "running")
  await transport.stop("a")
  assert.equal((await runs.status("a")).status, "stopped")
  assert.deepEqual(asked, ["POST /api/chat 1 2", "DELETE /api/chat/a/stream 1 undefined"])

  const refused = chatTransport({ api: `${base}/refused`, format })
  await assert.rejects(refused.sendMessages({ ...request, abortSignal: undefined }), {
    code: "bad_status",
    status: 401,
  })
})

test("a response that was interrupted, and is unknown to its server, is an error and not an end", async (t) => {
  const server = createServer((req, res) => {
    if (req.method !== "POST") return void res.writeHead(req.method === "GET" ? 204 : 404).end()
    res.writeHead(200, { "content-type": "text/event-stream", "content-location": "/api/chat/a/stream" })
    res.end('retry: 1\nid: 1\ndata: {"type":"start","messageId":"m"}\n\n')
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => server.close())
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/chat`
  const stream = await chatTransport({ api, format }).sendMessages({ ...request, abortSignal: undefined })
  const reader = stream.getReader()
  assert.deepEqual((await reader.read()).value, { type: "start", messageId: "m" })
  await assert.rejects(reader.read(), { code: "stream_ended" })
})
