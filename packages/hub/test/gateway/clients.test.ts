import assert from "node:assert/strict"
import { test } from "node:test"
import Anthropic from "@anthropic-ai/sdk"
import { testServer } from "../server.ts"
import { createProvider, message, begin, chat } from "./provider.ts"

const ASKED = { model: "claude-x", max_tokens: 9, messages: [{ role: "user" as const, content: "?" }] }

const make = (url: string, apiKey = "ann's"): Anthropic => new Anthropic({ apiKey, baseURL: url, maxRetries: 0 })

const textOf = (event: Anthropic.RawMessageStreamEvent): string =>
  event.type === "content_block_delta" && event.delta.type === "text_delta" ? event.delta.text : ""

test("a message is a run for the official client of Anthropic: streamed, resumed, shared", async (t) => {
  const provider = await createProvider(t)
  const server = await testServer(t, { upstream: { url: provider.url } })
  const client = make(server.url)
  const asking = client.messages.create({ ...ASKED, stream: true }).withResponse()
  const { req, res, gone } = await provider.call()
  assert.equal(req.url, "/api/v1/messages")
  assert.match(`${req.headers.authorization} ${req.headers["x-api-key"]}`, /ann's/)
  assert.match(String(req.headers["anthropic-version"]), /^\d{4}-\d\d-\d\d$/)
  message.begin(res)
  message.say(res, "Once")
  const { data, response } = await asking
  const location = response.headers.get("content-location") ?? ""
  assert.match(location, /^\/v1\/messages\/run_[0-9a-f]{32}\?stream=true$/)
  let seen = ""
  for await (const event of data) {
    seen += textOf(event)
    if (seen !== "") break
  }
  assert.equal(seen, "Once")
  const watching = async (): Promise<string> => {
    let text = ""
    // the way its client reads any stream
    const stream = (await client.get(location, { stream: true })) as AsyncIterable<Anthropic.RawMessageStreamEvent>
    let last = ""
    for await (const event of stream) {
      text += textOf(event)
      last = event.type
    }
    assert.equal(last, "message_stop")
    return text
  }
  const viewers = [watching(), watching()]
  message.say(res, " upon")
  message.finish(res)
  assert.deepEqual(await Promise.all(viewers), ["Once upon", "Once upon"])
  await gone
  assert.equal(provider.calls.length, 1)
  await assert.rejects(make(server.url, "bob's").get(location, { stream: true }), { status: 404 })
})

test("a message is read completely by the helper of the official client, and stopped by DELETE", async (t) => {
  const provider = await createProvider(t)
  const server = await testServer(t, { upstream: { url: provider.url } })
  const client = make(server.url)
  const stream = client.messages.stream(ASKED)
  const first = await provider.call()
  message.begin(first.res)
  message.say(first.res, "Once")
  message.finish(first.res)
  const final = await stream.finalMessage()
  assert.deepEqual(final.content, [{ type: "text", text: "Once" }])
  assert.equal(final.stop_reason, "end_turn")
  assert.equal(final.usage.output_tokens, 2)

  const asking = client.messages.create({ ...ASKED, stream: true }).withResponse()
  const second = await provider.call()
  message.begin(second.res)
  message.say(second.res, "Once")
  const { data, response } = await asking
  const stopped = (await client.delete(`/v1/messages/${response.headers.get("onward-run")}`)) as { status: string }
  assert.equal(stopped.status, "stopped")
  await assert.rejects(async () => {
    for await (const event of data) assert.notEqual(event.type, "message_stop")
  }, /stopped/)
  await second.gone
})

test("requests that are not message streams of Anthropic pass through: a refusal, a response, counting, batches", async (t) => {
  const provider = await createProvider(t, ({ req, res }) => {
    const isRefused = req.headers.authorization === "Bearer bad"
    res.writeHead(isRefused ? 401 : 200, { "content-type": "application/json" })
    const error = { type: "error", error: { type: "authentication_error", message: "invalid x-api-key" } }
    res.end(JSON.stringify(isRefused ? error : { id: "msg_1", input_tokens: 3, content: [], data: [], url: req.url }))
  })
  const server = await testServer(t, { upstream: { url: provider.url } })
  await assert.rejects(make(server.url, "bad").messages.create({ ...ASKED, stream: true }), { status: 401 })
  const client = make(server.url)
  assert.equal((await client.messages.create(ASKED)).id, "msg_1")
  assert.equal((await client.messages.countTokens({ model: "claude-x", messages: ASKED.messages })).input_tokens, 3)
  assert.ok(await client.messages.batches.retrieve("msgbatch_1"))
  assert.equal(provider.calls.at(-1)?.req.url, "/api/v1/messages/batches/msgbatch_1")
})

test("a page of a listed origin can request, read and stop; a page of another origin cannot", async (t) => {
  const provider = await createProvider(t, ({ res }) => {
    begin(res)
    chat.say(res, { content: "Once" })
    chat.finish(res)
  })
  const server = await testServer(t, {
    upstream: { url: provider.url },
    gateway: { origins: ["https://app.example"] },
  })
  const url = `${server.url}/v1/chat/completions`
  const from = (origin: string): Record<string, string> => ({
    origin,
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "cors",
  })
  const preflight = await fetch(url, {
    method: "OPTIONS",
    headers: {
      ...from("https://app.example"),
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,x-stainless-os",
    },
  })
  assert.equal(preflight.status, 204)
  assert.equal(preflight.headers.get("access-control-allow-origin"), "https://app.example")
  assert.match(preflight.headers.get("access-control-allow-methods") ?? "", /POST.*DELETE/)
  assert.equal(preflight.headers.get("access-control-allow-headers"), "authorization,content-type,x-stainless-os")
  assert.equal(preflight.headers.get("access-control-allow-credentials"), null)
  const body = '{"stream":true}'
  const asked = await fetch(url, { method: "POST", headers: from("https://app.example"), body })
  assert.equal(asked.headers.get("access-control-allow-origin"), "https://app.example")
  assert.equal(asked.headers.get("access-control-expose-headers"), "*")
  assert.match(asked.headers.get("vary") ?? "", /Origin/)
  assert.match(await asked.text(), /Once/)
  const missing = await fetch(`${url}/run_x`, { headers: from("https://app.example") })
  assert.equal(missing.status, 404)
  assert.equal(missing.headers.get("access-control-allow-origin"), "https://app.example")
  for (const origin of ["https://evil.example", "https://app.example.evil.example", "http://app.example", "null"]) {
    const denied = await fetch(url, { method: "POST", headers: from(origin), body })
    assert.equal(denied.status, 403, origin)
    assert.equal(denied.headers.get("access-control-allow-origin"), null)
  }
  // nor may the listed one do anything else here
  const publish = await fetch(`${server.url}/publish`, {
    method: "POST",
    headers: from("https://app.example"),
    body: new URLSearchParams({ topic: "a" }),
  })
  assert.equal(publish.status, 403)
  assert.equal(provider.calls.length, 1)
})
