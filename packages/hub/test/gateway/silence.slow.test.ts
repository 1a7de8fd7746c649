import assert from "node:assert/strict"
import { request } from "node:http"
import { test } from "node:test"
import { setTimeout } from "node:timers/promises"
import { parse } from "onward/protocol"
import OpenAI from "openai"
import { testServer, type TestServer } from "../server.ts"
import { begin, chat, createProvider, writeResponse } from "./provider.ts"

const PATHS = ["chat/completions", "responses", "messages"] as const
const headers = { authorization: "Bearer ann's", "content-type": "application/json" }

const ask = (server: TestServer, path: string, signal?: AbortSignal): Promise<Response> =>
  fetch(`${server.url}/v1/${path}`, {
    method: "POST",
    headers,
    body: JSON.stringify({ model: "m", stream: true }),
    ...(signal && { signal }),
  })

for (const path of PATHS) {
  test(`while the provider sends nothing, ${path} has a head, a first comment and a run`, async (t) => {
    const provider = await createProvider(t)
    const server = await testServer(t, { upstream: { url: provider.url }, gateway: { limits: { headAfter: 20 } } })
    const response = await ask(server, path)
    assert.equal(response.status, 200)
    assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/)
    assert.match(response.headers.get("content-location") ?? "", new RegExp(`^/v1/${path}/run_`))
    const { res } = await provider.call()
    let text = ""
    for await (const piece of response.body as ReadableStream<Uint8Array>) {
      // before the provider has said a word
      if (text === "") res.destroy()
      text += new TextDecoder().decode(piece)
    }
    assert.match(text, /^:[^]*stream_ended/)
  })
}

test("a client whose proxy timed out finds the run of its request, although the provider had sent nothing", async (t) => {
  const provider = await createProvider(t)
  const server = await testServer(t, { upstream: { url: provider.url }, gateway: { limits: { headAfter: 20 } } })
  const client = new OpenAI({ apiKey: "ann's", baseURL: `${server.url}/v1`, maxRetries: 0 })
  const proxy = new AbortController()
  const head = await ask(server, "responses", proxy.signal)
  const { res } = await provider.call()
  proxy.abort()
  await setTimeout(20)
  const run = head.headers.get("onward-run") ?? ""
  const resumed = client.responses.retrieve(run, { stream: true })
  const response = writeResponse(res, "resp_late")
  response.begin()
  response.say("at last")
  response.finish()
  let text = ""
  for await (const event of await resumed) if (event.type === "response.output_text.delta") text += event.delta
  assert.equal(text, "at last")
  // it is known by the provider's own id, too, once that has been told
  let number = 0
  for await (const event of await client.responses.retrieve("resp_late", { stream: true }))
    number = event.sequence_number
  assert.ok(number > 0)
  for await (const event of await client.responses.retrieve("resp_late", {
    stream: true,
    starting_after: number - 1,
  })) {
    assert.equal(event.type, "response.completed")
  }
  const got = await fetch(`${server.url}/v1/responses/${run}`, { headers })
  assert.equal(((await got.json()) as { id: string }).id, "resp_late")
  assert.equal((await client.responses.cancel("resp_late")).status, "completed")
  const other = new OpenAI({ apiKey: "bob's", baseURL: `${server.url}/v1`, maxRetries: 0 })
  await assert.rejects(other.responses.retrieve("resp_late", { stream: true }), { status: 404 })
  await assert.rejects(other.responses.retrieve(run, { stream: true }), { status: 404 })
})

test("a late refusal is reported in the stream, in the words of the provider", async (t) => {
  const error = { message: "No more.", type: "rate_limit_error", code: "rate_limit_exceeded", param: null }
  for (const [path, pattern] of [
    ["chat/completions", /data: \{"error":\{"message":"No more\."/],
    ["responses", /"type":"error"[^]*"message":"No more\."/],
    ["messages", /event: error\n[^]*data: \{"type":"error","error":\{"message":"No more\."/],
  ] as const) {
    const provider = await createProvider(t)
    const server = await testServer(t, { upstream: { url: provider.url }, gateway: { limits: { headAfter: 20 } } })
    const response = await ask(server, path)
    const { res } = await provider.call()
    res.writeHead(429, { "content-type": "application/json" }).end(JSON.stringify({ error }))
    const text = await response.text()
    assert.match(text, pattern)
    assert.doesNotMatch(text, /DONE|completed|message_stop/)
  }
})

test("each wait has its own limit, and the error names its option", async (t) => {
  const provider = await createProvider(t)
  const start = (limits: object): Promise<TestServer> =>
    testServer(t, { upstream: { url: provider.url }, gateway: { limits } })
  // no status at all
  const head = await start({ headTimeout: 60, headAfter: 10_000 })
  const late = await ask(head, "chat/completions")
  assert.equal(late.status, 504)
  assert.match(await late.text(), /upstream_timeout[^]*--upstream-head-timeout/)
  assert.equal((await fetch(`${head.url}/v1/models`)).status, 504)
  // no status, when the stream has begun
  const begun = await ask(await start({ headTimeout: 60, headAfter: 0 }), "chat/completions")
  assert.match(await begun.text(), /--upstream-head-timeout/)
  for (let i = 0; i < 3; i++) await provider.call()
  const first = await start({ firstTimeout: 60 })
  for (const path of PATHS) {
    const asking = ask(first, path)
    begin((await provider.call()).res)
    assert.match(await (await asking).text(), /--upstream-first-timeout/, path)
  }
  const server = await start({ idleTimeout: 60 })
  const asking = ask(server, "chat/completions")
  const { res, gone } = await provider.call()
  begin(res)
  // signs of life are no events
  const beat = setInterval(() => res.write(": still here\n\n"), 10)
  t.after(() => clearInterval(beat))
  chat.say(res, { content: "a" })
  const text = await (await asking).text()
  assert.match(text, /"content":"a"[^]*--upstream-idle-timeout/)
  await gone
  // of an answer that is no stream
  const passing = fetch(`${server.url}/v1/models`)
  const { res: other } = await provider.call()
  other.writeHead(200, { "content-type": "application/json" }).write("{")
  await assert.rejects(async () => (await passing).text())
})

test("an upload can take any time while it makes progress", async (t) => {
  const provider = await createProvider(t, ({ res, body }) => res.end(String(body.length)))
  const server = await testServer(t, { upstream: { url: provider.url }, gateway: { limits: { uploadTimeout: 200 } } })
  const upload = (pause: number): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const length = 300_000
      const req = request(
        `${server.url}/v1/files`,
        { method: "POST", headers: { "content-length": length } },
        (res) => {
          let text = ""
          res.setEncoding("utf8").on("data", (piece) => (text += piece))
          res.on("error", () => {})
          res.on("close", () => resolve({ status: res.statusCode ?? 0, text }))
        },
      )
      req.on("error", reject)
      void (async () => {
        for (let sent = 0; sent < length && !req.destroyed; sent += 50_000) {
          req.write(Buffer.alloc(50_000))
          await setTimeout(pause)
        }
        req.end()
      })()
    })
  assert.deepEqual(await upload(60), { status: 200, text: "300000" })
  const paused = await upload(800).catch((error: NodeJS.ErrnoException) => ({ status: 0, text: error.code ?? "" }))
  if (paused.status === 0) assert.match(paused.text, /ECONNRESET|EPIPE/)
  else assert.equal(paused.status, 408)
  assert.equal(provider.calls.length, 1)
})

test("heartbeats continue while a provider is silent", async (t) => {
  const provider = await createProvider(t)
  const server = await testServer(t, {
    upstream: { url: provider.url },
    gateway: { limits: { headAfter: 0 }, heartbeat: 30 },
  })
  const response = await ask(server, "responses")
  const { res } = await provider.call()
  let comments = 0
  const answer = writeResponse(res, "resp_1")
  for await (const event of parse(response.body as ReadableStream<Uint8Array>, {
    onComment() {
      if (++comments !== 3) return
      answer.begin()
      answer.finish()
    },
  })) {
    if (event.event === "response.completed") break
  }
  assert.ok(comments >= 3)
})
