import assert from "node:assert/strict"
import { createServer } from "node:http"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { serveOnward } from "../onward.ts"
import { readEvents, readUntil } from "../read-events.ts"
import { testServer } from "../server.ts"
import { temporaryFolder } from "../temporary-folder.ts"

const ask = (url: string, prompt: unknown): Promise<Response> =>
  fetch(`${url}/demo/runs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt }),
  })

test("the page is there, with its modules, and the codec without its types", async (t) => {
  const { url } = await testServer(t, { demo: true })
  for (const [path, type, text] of [
    ["/", "text/html", /<title>Onward/],
    ["/main.js", "text/javascript", /import/],
    ["/style.css", "text/css", /:root/],
    ["/onward/protocol/index.js", "text/javascript", /createParser/],
    ["/onward/protocol/parser.js", "text/javascript", /class/],
    ["/onward/client/index.js", "text/javascript", /EventSource/],
    ["/onward/client/stream.js", "text/javascript", /function stream/],
    ["/onward/errors.js", "text/javascript", /class OnwardError/],
  ] as const) {
    const response = await fetch(url + path)
    assert.equal(response.status, 200, path)
    assert.equal(response.headers.get("content-type"), `${type}; charset=utf-8`)
    const body = await response.text()
    assert.match(body, text)
    assert.doesNotMatch(body, /^\s*(?:interface|import type|export type) /m)
  }
})

test("nothing else of the library or the disk is served", async (t) => {
  const { url } = await testServer(t, { demo: true })
  for (const path of [
    "/onward/protocol/nothing.js",
    "/onward/hub/index.js",
    "/onward/log/sqlite/index.js",
    "/onward/index.js",
    "/onward/protocol/..%2fhub/index.js",
    "/onward/../package.json",
    "/..%2fpackage.json",
    "/page/index.html",
    "/constructor",
  ]) {
    assert.equal((await fetch(url + path)).status, 404, path)
  }
})

test("samples are numbered on, also after a restart, and nothing is written while nobody looks", async (t) => {
  const first = await testServer(t, { demo: true })
  const samples = await readEvents(`${first.url}/events?topic=demo/machine&tab=one`, 2)
  await first.close()
  const second = await testServer(t, { demo: true, data: first.data })
  await new Promise((resolve) => void setTimeout(resolve, 1_200))
  const all = await readEvents(`${second.url}/events?topic=demo/machine&tab=two&last=100`, samples.length + 1)
  const numbers = all.map(({ data }) => (JSON.parse(data) as { n: number }).n)
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => i + 1),
  )
})

test("a tab that is cut is cut at once, and others are not", async (t) => {
  const { url } = await testServer(t, { demo: true })
  const [mine, other] = await Promise.all(["one", "two"].map((tab) => fetch(`${url}/events?topic=a&tab=${tab}`)))
  const cut = await fetch(`${url}/demo/cut?tab=one`, { method: "POST" })
  assert.deepEqual(await cut.json(), { streams: 1, first: 1, last: 100 })
  // an error to most clients, since the last chunk is missing; older ones take it for the end
  const text = await mine?.text().catch(() => "broken off")
  assert.ok(!text?.includes("stream.end"), "no goodbye, so an EventSource comes back")
  const stats = (await (await fetch(`${url}/healthz`)).json()) as { connections: number }
  assert.equal(stats.connections, 1)
  await other?.body?.cancel()
  for (const tab of ["one", "nobody", "", "__proto__", "x".repeat(1_000)]) {
    assert.equal((await fetch(`${url}/demo/cut?tab=${tab}`, { method: "POST" })).status, 404, tab)
  }
})

test("one burst at a time", async (t) => {
  const { url } = await testServer(t, { demo: true })
  const statuses = await Promise.all(
    [1, 2, 3].map(() => fetch(`${url}/demo/burst`, { method: "POST" }).then(({ status }) => status)),
  )
  assert.deepEqual(
    statuses.sort((a, b) => a - b),
    [200, 429, 429],
  )
})

test("prompts are limited, and so are runs", async (t) => {
  const { url } = await testServer(t, { demo: true })
  for (const prompt of ["", "  ", undefined, null, 1, {}, "x".repeat(2_001)]) {
    const response = await ask(url, prompt)
    assert.equal(response.status, 400)
    assert.equal(((await response.json()) as { error: { code: string } }).error.code, "invalid_prompt")
  }
  const statuses = (await Promise.all([1, 2, 3, 4, 5].map((n) => ask(url, String(n))))).map(({ status }) => status)
  assert.deepEqual(
    statuses.sort((a, b) => a - b),
    [202, 202, 202, 202, 429],
  )
  for (const id of ["", "x", "00000000-0000-0000-0000-000000000000"]) {
    assert.equal((await fetch(`${url}/demo/run?id=${id}`)).status, 404)
  }
})

test("a model's answer is a run: readable from anywhere in it, and its failure has a name and no secret", async (t) => {
  const model = createServer((req, res) => {
    void req.toArray().then((chunks) => {
      const prompt = Buffer.concat(chunks as Buffer[]).toString()
      for (const content of ["a", "\r\n", " b "])
        res.write(`data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`)
      res.end(prompt.includes("fail") ? 'data: {"error":"s3cret"}\n\n' : "data: [DONE]\n\n")
    })
  }).listen(0, "127.0.0.1")
  await once(model, "listening")
  t.after(() => model.close())
  const env = {
    OPENAI_BASE_URL: `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`,
    OPENAI_MODEL: "small",
    OPENAI_API_KEY: "s3cret",
  }
  const hub = await serveOnward(t, { data: temporaryFolder(t), env })
  assert.deepEqual(await (await fetch(`${hub.url}/demo/about`)).json(), { model: "small" })

  const started = (await (await ask(hub.url, "go")).json()) as { id: string; model: string }
  assert.equal(started.model, "small")
  const run = `${hub.url}/demo/run?id=${started.id}`
  const all = await readUntil(run, ({ event }) => event === "done")
  const texts = all
    .filter(({ event }) => event === "token")
    .map(({ data }) => (JSON.parse(data) as { text: string }).text)
  assert.deepEqual(texts, ["a", "\r\n", " b "])
  assert.deepEqual(JSON.parse(all.at(-1)?.data ?? ""), { pieces: 3 })
  for (const [i, { id }] of all.slice(0, -1).entries()) {
    assert.deepEqual(await readUntil(run, ({ event }) => event === "done", { "last-event-id": id }), all.slice(i + 1))
  }
  const after = await fetch(run, { headers: { "last-event-id": "stream.end" } })
  assert.equal(after.status, 204, "an EventSource that had it all stops")

  const failing = (await (await ask(hub.url, "fail")).json()) as { id: string }
  const events = await readUntil(`${hub.url}/demo/run?id=${failing.id}`, ({ event }) => event === "done")
  assert.deepEqual(JSON.parse(events.at(-1)?.data ?? ""), {
    pieces: 3,
    error: { code: "model_refused", message: "The model's server reported an error." },
  })
  assert.ok(!hub.printed().includes("s3cret"))
})
