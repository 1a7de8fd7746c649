import assert from "node:assert/strict"
import { test } from "node:test"
import { testServer } from "../server.ts"
import type { createProvider } from "./provider.ts"
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
