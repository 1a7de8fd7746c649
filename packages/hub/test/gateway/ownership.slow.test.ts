import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { testServer, type TestServer } from "../server.ts"
import { begin, chat, createProvider, writeResponse, type Call, type Provider } from "./provider.ts"
import { rawClient } from "./raw-client.ts"

const ann = { authorization: "Bearer ann's" }
const bob = { authorization: "Bearer bob's" }
const JSON_TYPE = { "content-type": "application/json" }

/** What a provider answers that has everything, and tells everybody. */
function answer({ req, res, body }: Call): void {
  const asked = body === "" ? {} : (JSON.parse(body) as { stream?: boolean; id?: string })
  const isMaking = req.method === "POST"
  if (asked.stream) {
    if (req.url?.includes("/chat/")) {
      begin(res)
      chat.say(res, { content: "ann's secret" })
      chat.finish(res)
      return
    }
    const response = writeResponse(res, asked.id ?? "resp_ann")
    response.begin()
    response.say("ann's secret")
    response.finish()
    return
  }
  res
    .writeHead(200, JSON_TYPE)
    .end(JSON.stringify({ id: isMaking ? (asked.id ?? "made_1") : "x", secret: "ann's secret" }))
}

async function start(t: TestContext, key?: string): Promise<{ server: TestServer; provider: Provider }> {
  const provider = await createProvider(t, answer)
  const server = await testServer(t, { upstream: { url: provider.url, ...(key !== undefined && { key }) } })
  return { server, provider }
}

const ask = async (server: TestServer, path: string, init: RequestInit): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${server.url}/v1${path}`, init)
  return { status: response.status, text: await response.text() }
}

const post = (headers: Record<string, string>, body: object): RequestInit => ({
  method: "POST",
  headers: { ...headers, ...JSON_TYPE },
  body: JSON.stringify(body),
})

test("with the gateway's own key, only its caller can access a response, by any request", async (t) => {
  const { server, provider } = await start(t, "sk")
  await ask(server, "/responses", post(ann, { model: "m", input: "?", stream: true }))
  await ask(server, "/responses", post(ann, { model: "m", input: "?", id: "resp_json" }))
  const count = provider.calls.length
  const shapes = (id: string): string[] => [
    `/responses/${id}`,
    `/responses/${id}/`,
    `/responses/${id}?stream=true`,
    `/responses/${id}?stream=false&stream=true`,
    `/responses/${id}?include[]=x`,
    `/responses/${id}/input_items`,
    `/responses/${id}/input_items/`,
    `/responses/${id}/input_items?limit=100`,
    `/responses/${id}/cancel`,
    `/responses/${id}/cancel/`,
    `/responses/${id}/anything`,
    `/responses/${id}/input_items/x`,
    `/responses//${id}`,
    `//responses/${id}`,
    `/./responses/${id}`,
    `/x/../responses/${id}`,
    `/x/%2e%2e/responses/${id}`,
    `/responses/x/../${id}`,
    `/responses/x%2F..%2F${id}`,
    `/responses%2F${id}`,
    `/responses/${id}%2Finput_items`,
    `/responses/${id}%2f`,
    `/responses/%72esp_${id.slice(5)}`,
    `/%72esponses/${id}`,
    `/Responses/${id}`,
    `/RESPONSES/${id}/input_items`,
    `/responses/${id};a=b`,
    `/responses;a=b/${id}`,
    `/responses/${id}%3Fx`,
    `/responses/${id}%00`,
    `/responses/${id}%20`,
    `/responses/${id}.`,
    `/responses/${id.toUpperCase()}`,
    `/v1/responses/${id}`,
    `/models/../responses/${id}`,
    `/models/x%2F..%2F..%2Fresponses%2F${id}`,
    `/responses\\${id}`,
    `/responses/${id}#x`,
    `/openai/responses/${id}`,
  ]
  for (const id of ["resp_ann", "resp_json"]) {
    for (const path of shapes(id)) {
      for (const method of ["GET", "HEAD", "DELETE", "POST", "PUT", "PATCH", "OPTIONS"]) {
        // fetch would put the path right
        const client = await rawClient(t, server.port)
        client.send(
          `${method} /v1${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer bob's\r\ncontent-length: 0\r\n\r\n`,
        )
        const text = await client.until(/^HTTP\/1\.1 4\d\d [^]*\r\n\r\n/)
        assert.doesNotMatch(text, /secret/)
        client.socket.destroy()
      }
    }
    for (const body of [{ previous_response_id: id }, { previous_response_id: id, previous_response_ids: [] }]) {
      for (const path of ["/responses", "/responses/compact", "/responses/input_tokens"]) {
        assert.equal((await ask(server, path, post(bob, { model: "m", ...body }))).status, 404, path)
        const doubled = `{"previous_response_id":"${id}","model":"m","previous\\u005fresponse_id":null}`
        const init = { method: "POST", headers: { ...bob, ...JSON_TYPE }, body: doubled }
        assert.equal((await ask(server, path, init)).status, 404, path)
      }
    }
  }
  assert.equal(provider.calls.length, count, "the provider was never asked")
  // but by whom it belongs to
  for (const id of ["resp_ann", "resp_json"]) {
    assert.equal((await ask(server, `/responses/${id}`, { headers: ann })).status, 200)
    assert.equal((await ask(server, `/responses/${id}/input_items?limit=2`, { headers: ann })).status, 200)
    assert.equal((await ask(server, "/responses", post(ann, { model: "m", previous_response_id: id }))).status, 200)
    assert.equal((await ask(server, "/responses/compact", post(ann, { previous_response_id: id }))).status, 200)
    assert.equal((await ask(server, `/responses/${id}`, { method: "DELETE", headers: ann })).status, 200)
  }
})

test("with the gateway's own key, callers cannot access resources of others, and all other endpoints reach the provider", async (t) => {
  const { server, provider } = await start(t, "sk")
  for (const [path, id] of [
    ["/chat/completions", "chatcmpl-json"],
    ["/conversations", "conv_1"],
    ["/files", "file-1"],
  ] as const) {
    assert.equal((await ask(server, path, post(ann, { model: "m", id }))).status, 200)
    for (const rest of ["", "/messages", "/items", "/content"]) {
      const denied = await ask(server, `${path}/${id}${rest}`, { headers: bob })
      assert.equal(denied.status, 404, path + rest)
    }
    assert.equal((await ask(server, `${path}/${id}`, { method: "DELETE", headers: bob })).status, 404)
    assert.equal((await ask(server, `${path}/${id}`, { headers: ann })).status, 200)
  }
  assert.equal((await ask(server, "/responses", post(bob, { model: "m", conversation: "conv_1" }))).status, 404)
  assert.equal((await ask(server, "/responses", post(bob, { model: "m", conversation: { id: "conv_1" } }))).status, 404)
  assert.equal((await ask(server, "/responses", post(ann, { model: "m", conversation: "conv_1" }))).status, 200)
  await ask(server, "/chat/completions", post(ann, { model: "m", stream: true }))
  assert.equal((await ask(server, "/chat/completions/chatcmpl-1", { headers: bob })).status, 404)
  assert.equal((await ask(server, "/chat/completions/chatcmpl-1", { headers: ann })).status, 200)
  // everybody's at once
  assert.equal((await ask(server, "/chat/completions", { headers: bob })).status, 404)
  const open: [string, RequestInit][] = [
    ["/chat/completions/chatcmpl-before", { headers: bob }],
    ["/responses/compact", post(bob, { model: "m", input: "?" })],
    ["/responses/input_tokens", post(bob, { model: "m", input: "?" })],
    ["/models", { headers: bob }],
    ["/models/m", { headers: bob }],
    ["/embeddings", post(bob, { model: "m", input: "?" })],
    ["/messages/count_tokens", post(bob, { model: "m" })],
    ["/messages/batches", { headers: bob }],
    ["/files/file-2", { headers: bob }],
    ["/conversations", post(bob, {})],
    ["/something/new", { headers: bob }],
  ]
  for (const [path, init] of open) {
    assert.equal((await ask(server, path, init)).status, 200, path)
    assert.equal(provider.calls.at(-1)?.req.url, `/api/v1${path}`)
  }
})

test("with the clients' own keys, the provider decides, and receives the requests", async (t) => {
  const { server, provider } = await start(t)
  for (const path of [
    "/chat/completions/chatcmpl-1",
    "/chat/completions",
    "/responses/resp_1",
    "/responses/resp_1/input_items",
  ]) {
    assert.equal((await ask(server, path, { headers: bob })).status, 200, path)
    assert.equal(provider.calls.at(-1)?.req.headers.authorization, "Bearer bob's")
  }
})

test("a run's id is private to its caller: others can neither use it nor detect it", async (t) => {
  const { server } = await start(t)
  // who asks first for an id, with a provider that says what it is told to
  for (const [first, second] of [
    [ann, bob],
    [bob, ann],
  ] as const) {
    const id = `resp_${first === ann ? 1 : 2}`
    for (const headers of [first, second]) {
      const asked = { model: "m", input: "?", stream: true, id }
      const response = await fetch(`${server.url}/v1/responses`, post(headers, asked))
      await response.text()
      assert.equal(response.headers.get("onward-run"), id, "each has the provider's own id")
    }
    const stopped = await ask(server, `/responses/${id}`, { method: "DELETE", headers: second })
    assert.equal(stopped.status, 200)
    const left = await ask(server, `/responses/${id}?stream=true`, { headers: first })
    assert.match(left.text, /response\.completed/)
  }
})

test("keys in a query and in any credential header distinguish callers", async (t) => {
  const { server } = await start(t)
  for (const [mine, others] of [
    [{ headers: { "x-goog-api-key": "a" } }, { headers: { "x-goog-api-key": "b" } }],
    [{ headers: { "api-key": "a" } }, { headers: { "x-api-key": "a" } }],
    [{ query: "?key=a" }, { query: "?key=b" }],
    [{ query: "?api_key=a" }, {}],
  ] as { headers?: Record<string, string>; query?: string }[][]) {
    const { headers = {}, query = "" } = mine ?? {}
    const response = await fetch(`${server.url}/v1/chat/completions${query}`, post(headers, { stream: true }))
    await response.text()
    const run = `${server.url}/v1/chat/completions/${response.headers.get("onward-run")}`
    assert.equal((await fetch(`${run}${query}`, { headers })).status, 200)
    assert.equal((await fetch(`${run}${others?.query ?? ""}`, { headers: others?.headers ?? {} })).status, 404)
  }
})
