import assert from "node:assert/strict"
import { createServer } from "node:http"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import type { Turn } from "../../src/demo/chat.ts"
import { serveOnward } from "../onward.ts"
import { readEvents, readUntil } from "../read-events.ts"
import { testServer } from "../server.ts"
import { temporaryFolder } from "../temporary-folder.ts"

const ask = (url: string, prompt: unknown, chat: unknown = "a-chat-01"): Promise<Response> =>
  fetch(`${url}/demo/chat`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ chat, prompt }),
  })

test("the page is served with its modules, and the codec without its types", async (t) => {
  const { url } = await testServer(t, { demo: true })
  for (const [path, type, text] of [
    ["/", "text/html", /<title>Onward/],
    ["/main.js", "text/javascript", /import/],
    ["/style.css", "text/css", /:root/],
    ["/onward/protocol/entry.js", "text/javascript", /createParser/],
    ["/onward/protocol/parser.js", "text/javascript", /class/],
    ["/onward/client/index.js", "text/javascript", /EventSource/],
    ["/onward/client/stream.js", "text/javascript", /function stream/],
    ["/onward/run-client/index.js", "text/javascript", /openRun/],
    ["/onward/runs/formats/text.js", "text/javascript", /function text/],
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

test("every module that the page imports is served", async (t) => {
  const { url } = await testServer(t, { demo: true })
  const seen = new Set([`${url}/main.js`])
  for (const module of seen) {
    const response = await fetch(module)
    assert.equal(response.status, 200, module)
    const imports = (await response.text()).matchAll(/^(?:import|export)\b[^"()]*?"(\.{1,2}\/[^"]+\.(?:js|ts))"/gm)
    for (const [, path = ""] of imports) seen.add(new URL(path, module).href)
  }
  assert.ok(seen.size > 30, `${seen.size} modules`)
})

test("no other file of the library or the disk is served", async (t) => {
  const { url } = await testServer(t, { demo: true })
  for (const path of [
    "/onward/protocol/nothing.js",
    "/onward/hub/index.js",
    "/onward/runs/runs.js",
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

test("samples are numbered consecutively, also after a restart, and nothing is written without viewers", async (t) => {
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

test("a tab that is cut is cut at once, and other tabs are not", async (t) => {
  const { url } = await testServer(t, { demo: true })
  const [mine, other] = await Promise.all(["one", "two"].map((tab) => fetch(`${url}/events?topic=a&tab=${tab}`)))
  const cut = await fetch(`${url}/demo/cut?tab=one`, { method: "POST" })
  assert.deepEqual(await cut.json(), { streams: 1, first: 1, last: 100 })
  // an error to most clients, since the last chunk is missing; older ones take it for the end
  const text = await mine?.text().catch(() => "broken off")
  assert.ok(!text?.includes("stream.end"), "no goodbye, so an EventSource comes back")
  const stats = (await (await fetch(`${url}/demo/stats?tab=other`)).json()) as { connections: number }
  assert.equal(stats.connections, 1)
  await other?.body?.cancel()
  for (const tab of ["one", "nobody", "", "__proto__", "x".repeat(1_000)]) {
    assert.equal((await fetch(`${url}/demo/cut?tab=${tab}`, { method: "POST" })).status, 404, tab)
  }
})

test("only one burst runs at a time", async (t) => {
  const { url } = await testServer(t, { demo: true })
  const statuses = await Promise.all(
    [1, 2, 3].map(() => fetch(`${url}/demo/burst`, { method: "POST" }).then(({ status }) => status)),
  )
  assert.deepEqual(
    statuses.sort((a, b) => a - b),
    [200, 429, 429],
  )
})

test("the number of prompts and of runs is limited", async (t) => {
  const { url, close } = await testServer(t, { demo: true })
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
    for (const method of ["GET", "DELETE"]) {
      assert.equal((await fetch(`${url}/demo/run?id=${id}`, { method })).status, 404)
    }
  }
  for (const chat of ["", "short", null, "a/b/c/d/e", "*".repeat(8), "x".repeat(65)]) {
    assert.equal((await ask(url, "why?", chat)).status, 400)
  }
  // before its folder goes: its answers end in its log
  await close()
})

test("a model's response is a run: it can be read from any position, and its failure has a name and no secret", async (t) => {
  const asked: string[] = []
  const model = createServer((req, res) => {
    void req.toArray().then((chunks) => {
      const prompt = Buffer.concat(chunks as Buffer[]).toString()
      asked.push(prompt)
      for (const content of ["a", "\n", " b "])
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
  assert.partialDeepStrictEqual(await (await fetch(`${hub.url}/demo/about`)).json(), { model: "small" })

  const isEnd = ({ event }: { event: string }): boolean => event === "end"
  const started = (await (await ask(hub.url, "go")).json()) as Turn
  assert.partialDeepStrictEqual(started, { prompt: "go", model: "small" })
  const run = `${hub.url}/demo/run?id=${started.run}`
  const all = await readUntil(run, isEnd)
  const texts = all.slice(0, -1).map(({ data }) => data)
  assert.equal(texts.join(""), "a\n b ")
  assert.deepEqual(JSON.parse(all.at(-1)?.data ?? ""), { status: "completed" })
  for (const [i, { id }] of all.slice(0, -1).entries()) {
    const rest = await readUntil(run, isEnd, { "last-event-id": id })
    assert.deepEqual(rest.at(-1), all.at(-1))
    assert.equal(textIn(rest), texts.slice(i + 1).join(""))
  }
  const after = await fetch(run, { headers: { "last-event-id": all.at(-1)?.id ?? "" } })
  assert.equal(after.status, 204, "an EventSource that had it all stops")

  const failing = (await (await ask(hub.url, "fail")).json()) as Turn
  const events = await readUntil(`${hub.url}/demo/run?id=${failing.run}`, isEnd)
  assert.equal(textIn(events), "a\n b ")
  assert.deepEqual(JSON.parse(events.at(-1)?.data ?? ""), {
    status: "failed",
    error: { code: "model_refused", message: "The model's server reported an error. Ask again." },
  })
  assert.ok(!hub.printed().includes("s3cret"))

  const { messages } = JSON.parse(asked.at(-1) ?? "") as { messages: unknown }
  assert.deepEqual(
    messages,
    [
      { role: "user", content: "go" },
      { role: "assistant", content: "a\n b " },
      { role: "user", content: "fail" },
    ],
    "the model is told what was said before",
  )
})

test("a chat has its questions in order, also after a restart, and a response that the restart interrupted is marked", async (t) => {
  const first = await testServer(t, { demo: true })
  const isEnd = ({ event }: { event: string }): boolean => event === "end"
  const stopped = (await (await ask(first.url, "one")).json()) as Turn
  const run = (url: string, { run }: Turn): string => `${url}/demo/run?id=${run}`
  const stop = await fetch(run(first.url, stopped), { method: "DELETE" })
  assert.deepEqual(await stop.json(), { outcome: "stopped" })
  assert.match((await readUntil(run(first.url, stopped), isEnd)).at(-1)?.data ?? "", /"stopped"/)
  const cut = (await (await ask(first.url, "two")).json()) as Turn
  await readEvents(run(first.url, cut), 2)
  await first.close()
  const { url } = await testServer(t, { demo: true, data: first.data })
  const { turns } = (await (await fetch(`${url}/demo/chat?id=a-chat-01`)).json()) as { turns: Turn[] }
  assert.deepEqual(turns, [stopped, cut])
  const kept = await readUntil(run(url, cut), isEnd)
  assert.match(textIn(kept), /^This is /)
  assert.match(kept.at(-1)?.data ?? "", /"failed".*shut down/)
  assert.deepEqual(first.errors, [])
})

const textIn = (events: readonly { event: string; data: string }[]): string =>
  events.map(({ event, data }) => (event === "message" ? data : "")).join("")
