import assert from "node:assert/strict"
import { test } from "node:test"
import { setTimeout } from "node:timers/promises"
import { testServer } from "../server.ts"
import { begin, chat, createProvider, writeResponse, type Call } from "./provider.ts"

const post = (body: object): RequestInit => ({
  method: "POST",
  headers: { authorization: "Bearer ann's", "content-type": "application/json" },
  body: JSON.stringify(body),
})

const echo = ({ req, res, body }: Call): void =>
  void res
    .writeHead(200, { "content-type": "application/json" })
    .end(JSON.stringify({ id: "x", path: req.url, key: req.headers.authorization ?? req.headers["x-api-key"], body }))

test("a model, a prefix of models and a path each select a provider, which receives its own key", async (t) => {
  const [general, claude, exact, local] = await Promise.all([1, 2, 3, 4].map(() => createProvider(t, echo)))
  assert.ok(general && claude && exact && local)
  const server = await testServer(t, {
    gateway: {
      upstreams: [
        { url: general.url, key: "general" },
        { url: claude.url, key: "claude", models: "claude-*" },
        { url: exact.url, models: "gpt-exact" },
        { url: local.url, key: "local", prefix: "ollama" },
      ],
    },
  })
  const asked: [string, RequestInit, { calls: Call[] }, string | undefined][] = [
    ["/v1/chat/completions", post({ model: "gpt" }), general, "Bearer general"],
    ["/v1/messages", post({ model: "claude-4" }), claude, "Bearer claude"],
    ["/v1/messages", { method: "POST", body: '{"model":"claude-4"}' }, claude, "claude"],
    ["/v1/chat/completions", post({ model: "claude-4" }), claude, "Bearer claude"],
    ["/v1/embeddings", post({ model: "gpt-exact" }), exact, "Bearer ann's"],
    ["/v1/embeddings", post({ model: "gpt-exact-not" }), general, "Bearer general"],
    ["/v1/models", {}, general, "Bearer general"],
    ["/ollama/v1/models", {}, local, "Bearer local"],
    ["/ollama/v1/chat/completions", post({ model: "claude-4" }), local, "Bearer local"],
  ]
  for (const [path, init, provider, key] of asked) {
    const answer = (await (await fetch(server.url + path, init)).json()) as { path: string; key?: string }
    assert.equal(answer.key, key, path)
    assert.equal(answer.path, `/api/v1${path.replace(/^(?:\/ollama)?\/v1/, "")}`)
    assert.equal(provider.calls.at(-1)?.req.url, answer.path)
  }
  assert.equal((await fetch(`${server.url}/other/v1/models`)).status, 404)
  const only = await testServer(t, { gateway: { upstreams: [{ url: exact.url, models: "gpt-exact" }] } })
  const unknown = await fetch(`${only.url}/v1/chat/completions`, post({ model: "m" }))
  assert.equal(unknown.status, 404)
  assert.match(await unknown.text(), /model_not_found/)
})

test("requests about a response go to the provider that created it", async (t) => {
  const answer = (call: Call): void => {
    if (!call.body.includes("stream")) return echo(call)
    const response = writeResponse(call.res, "resp_1")
    response.begin()
    response.finish()
  }
  const [general, claude] = await Promise.all([1, 2].map(() => createProvider(t, answer)))
  assert.ok(general && claude)
  const server = await testServer(t, {
    gateway: { upstreams: [{ url: general.url }, { url: claude.url, models: "claude-*" }] },
  })
  await (await fetch(`${server.url}/v1/responses`, post({ model: "claude-4", stream: true }))).text()
  const { headers } = post({})
  const items = await fetch(`${server.url}/v1/responses/resp_1/input_items`, { headers: headers as HeadersInit })
  assert.equal(items.status, 200)
  assert.equal(claude.calls.at(-1)?.req.url, "/api/v1/responses/resp_1/input_items")
  assert.equal(general.calls.length, 0)
})

test("before the first byte of a response, the request is retried at the same provider or sent to the next one", async (t) => {
  let refusals = 2
  const flaky = await createProvider(t, (call) => {
    if (refusals-- > 0) return void call.res.writeHead(503, { "content-type": "application/json" }).end("{}")
    begin(call.res)
    chat.say(call.res, { content: "again" })
    chat.finish(call.res)
  })
  const again = await testServer(t, { upstream: { url: flaky.url }, gateway: { limits: { retries: 2 } } })
  const retried = await fetch(`${again.url}/v1/chat/completions`, post({ model: "m", stream: true }))
  assert.match(await retried.text(), /again/)
  assert.equal(flaky.calls.length, 3)
  assert.equal(new Set(flaky.calls.map(({ body }) => body)).size, 1)

  refusals = Infinity
  const good = await createProvider(t, echo)
  const next = await testServer(t, {
    gateway: { upstreams: [{ url: "http://127.0.0.1:1/v1" }, { url: flaky.url }, { url: good.url, key: "own" }] },
  })
  const second = await fetch(`${next.url}/v1/chat/completions`, post({ model: "m" }))
  assert.equal(((await second.json()) as { key: string }).key, "Bearer own")
  // a refusal that is meant is not tried elsewhere
  const denied = await createProvider(t, ({ res }) => res.writeHead(401).end())
  const meant = await testServer(t, { gateway: { upstreams: [{ url: denied.url }, { url: good.url }] } })
  const count = good.calls.length
  assert.equal((await fetch(`${meant.url}/v1/chat/completions`, post({ model: "m" }))).status, 401)
  assert.equal(good.calls.length, count)
  // when none answers, the last refusal is what the client gets
  const none = await testServer(t, { gateway: { upstreams: [{ url: flaky.url }, { url: flaky.url }] } })
  assert.equal((await fetch(`${none.url}/v1/models`)).status, 503)
})

test("a provider's Retry-After is respected before a retry at the same provider", async (t) => {
  for (const [name, value, least] of [
    ["retry-after", "1", 900],
    ["retry-after-ms", "600", 500],
  ] as const) {
    const times: number[] = []
    const provider = await createProvider(t, (call) => {
      times.push(performance.now())
      if (times.length === 1) call.res.writeHead(429, { [name]: value }).end("{}")
      else echo(call)
    })
    const server = await testServer(t, { upstream: { url: provider.url }, gateway: { limits: { retries: 1 } } })
    assert.equal((await fetch(`${server.url}/v1/chat/completions`, post({ model: "m" }))).status, 200)
    const [first = 0, second = 0] = times
    // the gateway's own pause would be 250 ms at most
    assert.ok(second - first >= least, `${name}: asked again after ${second - first} ms`)
  }
})

test("a Retry-After that is too long is passed to the client, or another provider is used at once", async (t) => {
  const later = new Date(Date.now() + 3_600_000).toUTCString()
  for (const headers of [{ "retry-after": "31" }, { "retry-after": later }, { "x-should-retry": "false" }]) {
    const busy = await createProvider(t, ({ res }) => res.writeHead(429, headers).end("{}"))
    const limits = { retries: 3 }
    const alone = await testServer(t, { upstream: { url: busy.url }, gateway: { limits } })
    for (const stream of [true, false]) {
      const refused = await fetch(`${alone.url}/v1/chat/completions`, post({ model: "m", stream }))
      assert.equal(refused.status, 429)
      for (const [name, value] of Object.entries(headers)) assert.equal(refused.headers.get(name), value)
    }
    assert.equal(busy.calls.length, 2)
    const good = await createProvider(t, echo)
    const both = await testServer(t, { gateway: { upstreams: [{ url: busy.url }, { url: good.url }], limits } })
    assert.equal((await fetch(`${both.url}/v1/chat/completions`, post({ model: "m" }))).status, 200)
    // nor is it waited for when the other one cannot be reached
    const none = await testServer(t, {
      gateway: { upstreams: [{ url: busy.url }, { url: "http://127.0.0.1:1/v1" }], limits },
    })
    assert.equal((await fetch(`${none.url}/v1/chat/completions`, post({ model: "m" }))).status, 502)
    assert.equal(busy.calls.length, 4)
  }
})

test("a stream that has started is never requested again", async (t) => {
  const provider = await createProvider(t, ({ res }) => {
    begin(res)
    chat.say(res, { content: "Once" }, null)
    res.destroy()
  })
  const server = await testServer(t, { upstream: { url: provider.url }, gateway: { limits: { retries: 3 } } })
  const text = await (await fetch(`${server.url}/v1/chat/completions`, post({ stream: true }))).text()
  assert.match(text, /stream_ended/)
  assert.equal(provider.calls.length, 1)
})

test("a run without viewers is stopped after its grace period, and its provider request is aborted", async (t) => {
  const provider = await createProvider(t)
  const server = await testServer(t, { upstream: { url: provider.url }, gateway: { limits: { abandonAfter: 80 } } })
  const asked = post({ model: "m", stream: true })
  const ask = async (signal: AbortSignal): Promise<Response> => {
    const asking = fetch(`${server.url}/v1/chat/completions`, { ...asked, signal })
    const call = await provider.call()
    begin(call.res)
    chat.say(call.res, { content: "Once" })
    return asking
  }
  const first = new AbortController()
  const response = await ask(first.signal)
  const run = `${server.url}/v1/chat/completions/${response.headers.get("onward-run")}`
  const second = new AbortController()
  const { headers } = asked
  const viewer = await fetch(run, { headers: headers as HeadersInit, signal: second.signal })
  first.abort()
  // somebody still watches
  await setTimeout(200)
  const call = provider.calls[0]
  assert.ok(call && !call.res.destroyed)
  chat.say(call.res, { content: " upon" })
  const third = await fetch(run, { headers: headers as HeadersInit })
  second.abort()
  await viewer.body?.cancel().catch(() => {})
  await setTimeout(200)
  assert.ok(!call.res.destroyed)
  await third.body?.cancel()
  await call.gone
  const after = await (await fetch(run, { headers: headers as HeadersInit })).text()
  assert.match(after, /run_stopped/)
})
