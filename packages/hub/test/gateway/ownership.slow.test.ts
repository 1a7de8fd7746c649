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

/** Bodies by which a request refers to an id. */
const references: readonly ((id: string) => object | string)[] = [
  (id) => ({ input: [{ role: "user", content: [{ type: "input_file", file_id: id }] }] }),
  (id) => ({ input: [{ role: "user", content: [{ type: "input_image", file_id: id }] }] }),
  (id) => ({ messages: [{ role: "user", content: [{ type: "file", file: { file_id: id } }] }] }),
  (id) => ({ messages: [{ role: "user", content: [{ type: "file", file: { id } }] }] }),
  (id) => ({ messages: [{ role: "user", content: [{ source: { type: "file", FileId: id } }] }] }),
  (id) => ({ messages: [{ role: "assistant", audio: { id } }] }),
  (id) => ({ input: [{ type: "item_reference", id }] }),
  (id) => ({ input: [{ id }] }),
  (id) => ({ input: [{ type: "reasoning", summary: [], id }] }),
  (id) => ({ tools: [{ type: "file_search", vector_store_ids: ["x", [id]].slice(1) }] }),
  (id) => ({ tools: [{ type: "code_interpreter", container: id }] }),
  (id) => ({ tools: [{ type: "code_interpreter", container: { type: "auto", file_ids: [id] } }] }),
  (id) => ({ container: { id } }),
  (id) => ({ prompt: { id, variables: { a: { type: "input_file", file_id: id } } } }),
  (id) => ({ tool_resources: { file_search: { vector_store_ids: [id] } } }),
  (id) => ({ input_file_id: id }),
  (id) => ({ batch: id }),
  (id) => ({ conversation: { id } }),
  (id) => ({ conversation: id }),
  (id) => ({ input: { deep: [[[{ previous_response_id: id }]]] } }),
  (id) => `{"file_id":"${id}","file_id":null}`,
  (id) => `{"input":[{"\\u0066ile_id":"${id}"}]}`,
  (id) => `{"input":[{"file_id":"${id.replace(/^./, "\\u0066")}"}]}`,
  (id) => `\ufeff {"input":[{"a":"\\"","file_id" : "${id}"}]}`,
]

test("with the gateway's own key, no body can refer to the ids of others, or to unknown ids", async (t) => {
  const { server, provider } = await start(t, "sk")
  for (const [path, body] of [
    ["/files", { id: "file-ann" }],
    ["/responses", { id: "resp_ann", stream: true }],
  ] as const) {
    assert.equal((await ask(server, path, post(ann, body))).status, 200)
  }
  const count = provider.calls.length
  for (const id of ["file-ann", "file-unknown", "../files/file-ann", "x".repeat(2_000)]) {
    for (const make of references) {
      const made = make(id)
      const body = typeof made === "string" ? made : JSON.stringify({ model: "m", ...made })
      for (const type of ["application/json", "text/plain", "application/x-ndjson; x=multipart/form-data"]) {
        const init = { method: "POST", headers: { ...bob, "content-type": type }, body }
        const { status, text } = await ask(server, "/responses", init)
        assert.equal(status, 404, body)
        assert.match(text, /previous_response_not_found/)
      }
    }
  }
  const others: [path: string, init: RequestInit, status: number][] = [
    ["/conversations/conv_x/items", post(bob, { items: [{ id: "msg_ann" }] }), 404],
    ["/vector_stores/vs_x/files", post(bob, { file_id: "file-ann" }), 404],
    ["/vector_stores/vs_x", { ...post(bob, { file_ids: ["file-ann"] }), method: "PUT" }, 404],
    ["/fine_tuning/jobs", post(bob, { training_file: "file-ann" }), 404],
    ["/responses", { ...post(bob, {}), body: Buffer.from('{"file_id":"file-ann"}', "utf16le") }, 400],
    ["/responses", post(bob, { a: Array.from({ length: 300 }, (_, n) => ({ file_id: `file-${n}` })) }), 400],
    ["/responses", post({ ...bob, "content-encoding": "gzip" }, { file_id: "file-ann" }), 415],
    ...["/responses", "/responses/compact", "/conversations", "/chat/completions"].flatMap(
      (path): [string, RequestInit, number][] => {
        const { headers: _, ...init } = post(bob, { file_id: "file-ann" })
        const headers = { ...bob, "content-type": "multipart/form-data; boundary=x" }
        return [
          [path, { ...init, headers }, 404],
          [path, { ...init, headers: { ...headers, "content-encoding": "gzip" } }, 415],
        ]
      },
    ),
  ]
  for (const [path, init, status] of others) assert.equal((await ask(server, path, init)).status, status, path)
  assert.equal(provider.calls.length, count, "the provider was never asked")
})

test("with the gateway's own key, a caller can refer to ids that it received", async (t) => {
  const { server } = await start(t, "sk")
  for (const [path, body] of [
    ["/files", { id: "file-ann" }],
    ["/responses", { id: "resp_ann", stream: true }],
  ] as const) {
    assert.equal((await ask(server, path, post(ann, body))).status, 200)
  }
  const fine = [
    { input: [{ content: [{ type: "input_file", file_id: "file-ann" }] }] },
    { input: [{ type: "item_reference", id: "msg_1" }], previous_response_id: "resp_ann" },
    { input: "file_id", prompt: "a text", conversation: null, previous_response_id: null },
    { metadata: { conversation_id: "of the application" }, input: "?" },
    { tools: [{ name: "f", parameters: { properties: { file_id: { type: "string", enum: ["a"] } } } }] },
    { tools: [{ type: "code_interpreter", container: { type: "auto", file_ids: ["file-ann"] } }] },
  ]
  for (const body of fine) {
    const { status } = await ask(server, "/responses", post(ann, { model: "m", ...body }))
    assert.equal(status, 200, JSON.stringify(body))
  }
  const call = { type: "tool_use", id: "toolu_1", name: "f", input: { file_id: "any" } }
  const chat = { messages: [{ role: "assistant", tool_calls: [{ id: "call_1" }], content: [call] }] }
  assert.equal((await ask(server, "/messages", post(ann, { model: "m", ...chat }))).status, 200)
  for (const path of ["/completions", "/embeddings", "/messages/count_tokens"]) {
    assert.equal((await ask(server, path, post(ann, { model: "m", prompt: "file_id", id: "own" }))).status, 200, path)
  }
})

test("an option allows ids that no caller received, but not those of others", async (t) => {
  const provider = await createProvider(t, answer)
  const upstream = { url: provider.url, key: "sk" }
  const server = await testServer(t, { upstream, gateway: { allowUnknownIds: true } })
  assert.equal((await ask(server, "/files", post(ann, { id: "file-ann" }))).status, 200)
  const input = (id: string): object => ({ model: "m", input: [{ content: [{ type: "input_file", file_id: id }] }] })
  assert.equal((await ask(server, "/responses", post(bob, input("file-operator")))).status, 200)
  assert.equal((await ask(server, "/responses", post(bob, input("file-ann")))).status, 404)
  assert.equal((await ask(server, "/responses", post(bob, { previous_response_id: "resp_unknown" }))).status, 404)
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
