import assert from "node:assert/strict"
import { join } from "node:path"
import { describe, test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { OnwardError } from "onward"
import type OpenAI from "openai"
import { redisMissing, startRedis } from "../../../onward/test/stores/redis.ts"
import { serveOnward, type Listening } from "../onward.ts"
import { testServer, type TestServer } from "../server.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { begin, chat, createProvider, writeResponse } from "./provider.ts"
import { begun, connect, nats, postgres, readAll, redis, share, sqlite } from "./share.ts"

// the first three wait for a lease
describe("several gateways", { concurrency: 3 }, () => {
  for (const { name, missing, start } of [sqlite, redis]) {
    test(
      `two processes share runs in ${name}: one resumes and stops a run of the other, and ends it when the other is killed`,
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

  test("with the gateway's own key, resources of a caller are private at other gateways too", async (t) => {
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

  test("after a gateway was killed and restarted, the received part is kept and marked as incomplete", async (t) => {
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
      `two gateways share runs in ${name}: one resumes and stops a run of the other`,
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
        // on a busy machine, a store can take longer than the timeout of its log, and the gateway tries again
        const isLate = (error: unknown): boolean => error instanceof OnwardError && error.code === "log_unavailable"
        const errors = [...one.errors, ...two.errors].filter((error) => !isLate(error))
        assert.deepEqual(errors, [])
      },
    )
  }

  test(
    "while the store is unavailable, streams are refused without a request to the provider",
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
      // the client of the store waits before it connects again
      while ((await fetch(`${server.url}/readyz`)).status !== 200) await sleep(50)
      await begun(provider, server.url)
    },
  )

  test("every worker knows a run, and can stop it", async (t) => {
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
