import assert from "node:assert/strict"
import { test } from "node:test"
import { testServer } from "../server.ts"
import { begin, chat, type createProvider } from "./provider.ts"
import { QUESTION, start } from "./start.ts"

test("a refusal is passed through unchanged, and creates no run", async (t) => {
  for (const status of [401, 429, 500]) {
    const body = JSON.stringify({ error: { message: "No.", type: "t", code: `c${status}` } })
    const answer: Parameters<typeof createProvider>[1] = ({ res }) =>
      res.writeHead(status, { "content-type": "application/json", "retry-after": "7" }).end(body)
    const { server } = await start(t, { answer })
    for (const path of ["chat/completions", "responses"]) {
      const given = await fetch(`${server.url}/v1/${path}`, { method: "POST", body: JSON.stringify(QUESTION) })
      assert.equal(given.status, status)
      assert.equal(given.headers.get("retry-after"), "7")
      assert.equal(given.headers.get("onward-run"), null)
      assert.equal(await given.text(), body)
    }
  }
})

test("a response that is not a stream is passed through unchanged", async (t) => {
  const { server, provider } = await start(t, {
    answer: ({ req, res, body }) =>
      res
        .writeHead(200, { "content-type": "application/json", "x-more": "1" })
        .end(JSON.stringify({ url: req.url, body })),
  })
  const asked: [path: string, init: RequestInit][] = [
    ["chat/completions", { method: "POST", body: '{"stream": false, "größe": 1}' }],
    ["responses", { method: "POST", body: "no JSON" }],
    ["embeddings", { method: "POST", body: "{}" }],
    ["models?limit=2", {}],
    ["models/meta-llama%2FLlama-3", {}],
    ["models/ft:gpt-4o:org::1", {}],
    ["files/gr%C3%BC%C3%9Fe", {}],
    ["responses/resp_9", {}],
  ]
  for (const [path, init] of asked) {
    const answer = await fetch(`${server.url}/v1/${path}`, init)
    assert.equal(answer.headers.get("x-more"), "1")
    assert.deepEqual(await answer.json(), { url: `/api/v1/${path}`, body: init.body ?? "" })
  }
  assert.equal(provider.calls.length, asked.length)
})

test("the gateway's own key replaces the client's, and is never exposed", async (t) => {
  const { server, provider } = await start(t, { key: "sk-gateway", answer: ({ res }) => res.end("{}") })
  const answer = await fetch(`${server.url}/v1/models`, { headers: { authorization: "Bearer ann's" } })
  assert.equal(provider.calls[0]?.req.headers.authorization, "Bearer sk-gateway")
  assert.doesNotMatch(JSON.stringify([...answer.headers]) + (await answer.text()), /sk-gateway/)
  // by that key, anybody could read what others had answered
  assert.equal((await fetch(`${server.url}/v1/responses/resp_1`)).status, 404)
  assert.equal(provider.calls.length, 1)
})

test("an unreachable provider is 502, without its address", async (t) => {
  const server = await testServer(t, { upstream: { url: "http://127.0.0.1:1/v1" } })
  const answer = await fetch(`${server.url}/v1/models`)
  assert.equal(answer.status, 502)
  assert.deepEqual(await answer.json(), {
    error: { code: "upstream_unreachable", message: "The upstream cannot be reached. Retry later." },
  })
})

test("JSON with the content type of an event stream is passed through unchanged", async (t) => {
  const body = '{"error":{"message":"No credit.","code":1.10}}'
  const { server } = await start(t, {
    answer: ({ res }) => res.writeHead(200, { "content-type": "text/event-stream" }).end(body),
  })
  for (const path of ["chat/completions", "responses", "messages"]) {
    const given = await fetch(`${server.url}/v1/${path}`, { method: "POST", body: JSON.stringify(QUESTION) })
    assert.equal(given.headers.get("onward-run"), null)
    assert.equal(await given.text(), body)
  }
})

test("values of Content-Encoding that name no coding do not affect a stream", async (t) => {
  for (const coding of ["none", "UTF-8", "identity, none"]) {
    const { client } = await start(t, {
      answer({ res }) {
        res.writeHead(200, { "content-type": "text/event-stream", "content-encoding": coding })
        chat.say(res, { content: "Once" })
        chat.finish(res)
      },
    })
    let text = ""
    for await (const { choices } of await client.chat.completions.create(QUESTION)) {
      text += choices[0]?.delta.content ?? ""
    }
    assert.equal(text, "Once")
  }
})

test("a provider that sends empty frames endlessly is cut off, and the error names the gateway's option", async (t) => {
  const { provider, server } = await start(t, {
    answer({ res }) {
      begin(res)
      const send = (): void => {
        while (!res.destroyed) if (!res.write("data: {}\n\n".repeat(1_000))) return void res.once("drain", send)
      }
      send()
    },
    limits: { answerBytes: 1024 ** 2 },
  })
  const asked = { method: "POST", body: JSON.stringify(QUESTION) }
  const text = await (await fetch(`${server.url}/v1/chat/completions`, asked)).text()
  assert.match(text, /"message_too_large"/)
  assert.match(text, /--upstream-max-answer/)
  assert.ok(text.split("data: {}").length <= 8_193)
  await provider.calls[0]?.gone
})
