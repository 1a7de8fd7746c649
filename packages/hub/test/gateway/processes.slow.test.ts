import assert from "node:assert/strict"
import { join } from "node:path"
import { describe, test, type TestContext } from "node:test"
import { parse } from "onward/protocol"
import OpenAI from "openai"
import { natsMissing, startNats } from "../../../onward/test/stores/nats.ts"
import { postgresMissing, startPostgres } from "../../../onward/test/stores/postgres.ts"
import { redisMissing, startRedis } from "../../../onward/test/stores/redis.ts"
import { serveOnward, type Listening } from "../onward.ts"
import { testServer, type TestServer } from "../server.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { begin, chat, createProvider, writeResponse, type Provider } from "./provider.ts"

const connect = (url: string): OpenAI => new OpenAI({ apiKey: "ann's", baseURL: `${url}/v1`, maxRetries: 0 })

/** A store that several gateways can share. */
interface Engine {
  readonly name: string
  readonly missing?: string | undefined
  /** Starts it; resolves to what `--log` is given. */
  start(t: TestContext): Promise<string>
}

const sqlite: Engine = { name: "SQLite", start: async (t) => `sqlite:${join(temporaryFolder(t), "hub.db")}` }
const redis: Engine = {
  name: "Redis",
  missing: redisMissing,
  async start(t) {
    const server = await startRedis()
    t.after(() => server.close())
    return server.url
  },
}
const postgres: Engine = {
  name: "PostgreSQL",
  missing: postgresMissing,
  async start(t) {
    const server = await startPostgres()
    t.after(() => server.close())
    return server.url
  },
}
const nats: Engine = {
  name: "NATS",
  missing: natsMissing,
  async start(t) {
    const server = await startNats()
    t.after(() => server.close())
    return `nats://127.0.0.1:${server.port}`
  },
}

/** An image of 25 MB. */
const IMAGE = `data:image/png;base64,${"A".repeat(Math.ceil((25 * 1024 ** 2) / 3) * 4)}`

/** What holds of any two gateways that share a log: one is asked for an answer, the other one resumes another, and stops it. */
async function share(provider: Provider, asked: string, other: string): Promise<void> {
  // a response, resumed while it is written
  const asking = connect(asked).responses.create({ model: "m", input: "?", stream: true })
  const response = writeResponse((await provider.call()).res, "resp_1")
  response.begin()
  response.say("Once")
  let number = -1
  for await (const event of await asking) {
    number = event.sequence_number
    if (event.type === "response.output_text.delta") break
  }
  const rest = await connect(other).responses.retrieve("resp_1", { stream: true, starting_after: number })
  response.say(" upon")
  let text = ""
  for await (const event of rest) {
    if (event.type === "response.completed") break
    if (event.type !== "response.output_text.delta") continue
    text += event.delta
    if (text === " upon") response.say(" a time")
    if (text === " upon a time") response.finish()
  }
  assert.equal(text, " upon a time", "each word is there before the next one is said")

  // a chat, watched and stopped
  const { data, run, gone } = await begun(provider, asked)
  const watching = readAll(other, run)
  const headers = { authorization: "Bearer ann's" }
  const stopping = await fetch(`${other}/v1/chat/completions/${run}`, { method: "DELETE", headers })
  assert.equal(((await stopping.json()) as { status: string }).status, "stopped")
  await assert.rejects(async () => {
    for await (const chunk of data) assert.equal(chunk.choices[0]?.delta.content ?? "", "")
  }, /The response was stopped/)
  await gone
  assert.match(await watching, /"content":"Once"[^]*"code":"run_stopped"/)
  const bobs = await fetch(`${other}/v1/chat/completions/${run}`, { headers: { authorization: "Bearer bob's" } })
  assert.equal(bobs.status, 404, "to others it is unknown there too")

  // an image, which providers send in one event: larger than the largest record of some stores
  const asksToDraw = fetch(`${asked}/v1/chat/completions`, { method: "POST", headers, body: '{"stream":true}' })
  const drawing = await provider.call()
  begin(drawing.res)
  chat.say(drawing.res, { images: [{ type: "image_url", image_url: { url: IMAGE } }] })
  chat.finish(drawing.res)
  const drawn = await asksToDraw
  const again = await fetch(new URL(drawn.headers.get("content-location") ?? "", other), { headers })
  for (const each of [drawn, again]) {
    const text = await each.text()
    // a message of an assertion would hold all of it
    assert.ok(text.includes(IMAGE))
    assert.ok(text.endsWith("data: [DONE]\n\n"), text.slice(-300))
  }

  // none of it is anything that can be subscribed to
  const all = await fetch(`${other}/events?topic=*&last_event_id=earliest`)
  await fetch(`${asked}/publish`, { method: "POST", body: new URLSearchParams({ topic: "a", data: "published" }) })
  for await (const { event, data } of parse(all.body as ReadableStream<Uint8Array>)) {
    if (event === "stream.checkpoint") continue
    assert.equal(data, "published")
    break
  }
}

/** A chat of which the first word has come. */
async function begun(provider: Provider, url: string) {
  const asking = connect(url).chat.completions.create({ model: "m", messages: [], stream: true }).withResponse()
  const { res, gone } = await provider.call()
  begin(res)
  chat.say(res, { content: "Once" })
  const { data, response } = await asking
  const iterator = data[Symbol.asyncIterator]()
  assert.equal((await iterator.next()).value?.choices[0]?.delta.content, "Once")
  return { data: { [Symbol.asyncIterator]: () => iterator }, run: response.headers.get("onward-run") ?? "", gone }
}

async function readAll(url: string, run: string): Promise<string> {
  const answer = await fetch(`${url}/v1/chat/completions/${run}`, { headers: { authorization: "Bearer ann's" } })
  assert.equal(answer.status, 200)
  return answer.text()
}

// the first three wait for a lease
describe("several gateways", { concurrency: 3 }, () => {
  for (const { name, missing, start } of [sqlite, redis]) {
    test(
      `two processes share runs in ${name}: one resumes and stops what the other began, and ends it when the other is killed`,
      { skip: missing },
      async (t) => {
        const provider = await createProvider(t)
        const args = ["--upstream", provider.url, "--log", await start(t)]
        const folder = temporaryFolder(t)
        const [one, two] = (await Promise.all(
          ["one", "two"].map((each) => serveOnward(t, { data: join(folder, each), args })),
        )) as [Listening, Listening]
        await share(provider, one.url, two.url)

        const { run } = await begun(provider, one.url)
        const watching = readAll(two.url, run)
        one.child.kill("SIGKILL")
        const text = await watching
        assert.match(text, /"content":"Once"[^]*"code":"producer_lost"/)
        assert.doesNotMatch(text, /DONE|finish_reason":"/)
      },
    )
  }

  test("by the gateway's own key, what a caller made at one gateway is no other caller's at another one", async (t) => {
    let id = 0
    const provider = await createProvider(t, ({ req, res, body }) => {
      if (body.includes('"stream":true')) {
        const response = writeResponse(res, `resp_${++id}`)
        response.begin()
        return response.finish()
      }
      const made = req.method === "POST" ? `${req.url?.includes("files") ? "file" : "resp"}_${++id}` : "other"
      res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ id: made }))
    })
    const folder = temporaryFolder(t)
    const args = ["--upstream", provider.url, "--no-demo", "--log", `sqlite:${join(folder, "hub.db")}`]
    const env = { ONWARD_UPSTREAM_KEY: "own" }
    const gateways = await Promise.all(
      ["one", "two"].map((each) => serveOnward(t, { data: join(folder, each), args, env })),
    )
    const [one = "", two = ""] = gateways.map(({ url }) => url)
    const ask = (url: string, caller: string, path: string, init: RequestInit = {}): Promise<Response> =>
      fetch(`${url}/v1${path}`, {
        ...init,
        headers: { authorization: `Bearer ${caller}`, "content-type": "application/json" },
      })
    const post = (body: object): RequestInit => ({ method: "POST", body: JSON.stringify(body) })

    for (const stream of [true, false]) {
      const made = await (await ask(one, "ann's", "/responses", post({ model: "m", stream }))).text()
      const [response = ""] = /resp_\d+/.exec(made) ?? []
      const requests: [path: string, init: RequestInit][] = [
        [`/responses/${response}/input_items`, {}],
        [`/responses`, post({ model: "m", previous_response_id: response })],
        [`/responses/${response}`, { method: "DELETE" }],
      ]
      for (const [path, init] of requests) {
        for (const url of [two, one]) assert.equal((await ask(url, "bob's", path, init)).status, 404, path)
      }
      for (const [path, init] of requests) assert.equal((await ask(two, "ann's", path, init)).status, 200, path)
    }
    const file = (await (await ask(one, "ann's", "/files", post({}))).json()) as { id: string }
    assert.equal((await ask(two, "bob's", `/files/${file.id}`)).status, 404)
    assert.equal((await ask(two, "ann's", `/files/${file.id}`)).status, 200)
    for (const { req } of provider.calls) assert.equal(req.headers.authorization, "Bearer own")
  })

  test("after a gateway was killed and started again, what came is there, and is told to be all there is", async (t) => {
    const provider = await createProvider(t)
    const data = temporaryFolder(t)
    const args = ["--upstream", provider.url, "--no-demo"]
    const first = await serveOnward(t, { data, args })

    const asking = connect(first.url).responses.create({ model: "m", input: "?", stream: true })
    const response = writeResponse((await provider.call()).res, "resp_1")
    response.begin()
    response.say("Once")
    let number = -1
    for await (const event of await asking) {
      number = event.sequence_number
      if (event.type === "response.output_text.delta") break
    }
    const chatting = connect(first.url)
      .chat.completions.create({ model: "m", messages: [], stream: true })
      .withResponse()
    const { res } = await provider.call()
    begin(res)
    chat.say(res, { content: "Once" })
    const { data: chunks, response: head } = await chatting
    for await (const chunk of chunks) if (chunk.choices[0]?.delta.content) break
    first.child.kill("SIGKILL")
    await first.ended

    const second = await serveOnward(t, { data, args })
    const rest = await connect(second.url).responses.retrieve("resp_1", { stream: true, starting_after: number })
    const reading = (async () => {
      const events: OpenAI.Responses.ResponseStreamEvent[] = []
      for await (const event of rest) events.push(event)
      return events.at(-1)
    })()
    const run = head.headers.get("onward-run") ?? ""
    const answer = await fetch(`${second.url}/v1/chat/completions/${run}`, {
      headers: { authorization: "Bearer ann's" },
    })
    const text = await answer.text()
    assert.match(text, /"content":"Once"/)
    assert.match(text, /"code":"producer_lost"/)
    assert.doesNotMatch(text, /DONE|finish_reason":"/)

    const last = await reading
    assert.equal(last?.type, "response.failed")
    assert.match(JSON.stringify(last), /"text":"Once"[^]*producer_lost|producer_lost[^]*"text":"Once"/)
    assert.equal(provider.calls.length, 2, "nothing was asked again")
    assert.doesNotMatch(second.printed() + first.printed(), /ann's/)
  })

  for (const { name, missing, start } of [postgres, nats]) {
    test(
      `two gateways share runs in ${name}: one resumes and stops what the other began`,
      { skip: missing },
      async (t) => {
        const provider = await createProvider(t)
        const log = await start(t)
        const [one, two] = (await Promise.all([1, 2].map(() => testServer(t, { log, upstream: provider })))) as [
          TestServer,
          TestServer,
        ]
        await share(provider, one.url, two.url)
        await Promise.all([one.close(), two.close()])
        assert.deepEqual([...one.errors, ...two.errors], [])
      },
    )
  }

  test(
    "while the store is away, streams are refused, and the provider is asked for none",
    { skip: redisMissing },
    async (t) => {
      const provider = await createProvider(t)
      const store = await startRedis()
      t.after(() => store.close())
      const server = await testServer(t, { log: store.url, upstream: provider })
      await store.kill()
      const asking = { method: "POST", body: '{"stream":true}' }
      const refused = await Promise.all(
        ["chat/completions", "responses"].map((path) => fetch(`${server.url}/v1/${path}`, asking)),
      )
      for (const answer of refused) {
        assert.equal(answer.status, 503)
        assert.match(answer.headers.get("retry-after") ?? "", /^\d+$/)
        assert.match(await answer.text(), /"code":"log_unavailable"/)
      }
      assert.equal(provider.calls.length, 0)
      await store.restart()
      await begun(provider, server.url)
    },
  )

  test("whichever worker is asked, it knows the run, and may stop it", async (t) => {
    const provider = await createProvider(t)
    const args = ["--upstream", provider.url, "--workers", "2"]
    const { url } = await serveOnward(t, { data: temporaryFolder(t), args })
    // one connection a request, as connections are what is shared out
    const headers = { authorization: "Bearer ann's", connection: "close" }
    const asking = fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body: '{"stream":true}' })
    const { res, gone } = await provider.call()
    begin(res)
    chat.say(res, { content: "Once" })
    const answer = await asking
    const run = `${url}/v1/chat/completions/${answer.headers.get("onward-run")}`
    const viewers = await Promise.all(Array.from({ length: 4 }, () => fetch(run, { headers })))
    const stopped = await fetch(run, { method: "DELETE", headers })
    assert.deepEqual(((await stopped.json()) as { status: string }).status, "stopped")
    for (const viewer of [answer, ...viewers]) {
      assert.equal(viewer.status, 200)
      assert.match(await viewer.text(), /"content":"Once"[^]*"code":"run_stopped"/)
    }
    await gone
  })
})
