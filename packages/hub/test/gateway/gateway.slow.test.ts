import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { parse } from "onward/protocol"
import type OpenAI from "openai"
import { readEvents } from "../read-events.ts"
import { begin, chat, writeResponse } from "./provider.ts"
import { QUESTION, start } from "./start.ts"

const textOf = (events: readonly OpenAI.Responses.ResponseStreamEvent[]): string =>
  events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join("")

const contentOf = (chunk: OpenAI.ChatCompletionChunk): string => chunk.choices[0]?.delta.content ?? ""

test("each token reaches the client before the provider produces the next one", async (t) => {
  const { provider, client } = await start(t)
  const asking = client.chat.completions.create(QUESTION)
  const { res, req } = await provider.call()
  assert.equal(req.url, "/api/v1/chat/completions")
  assert.equal(req.headers.authorization, "Bearer ann's")
  begin(res)
  chat.say(res, { role: "assistant", content: "" })
  const iterator = (await asking)[Symbol.asyncIterator]()
  assert.equal(contentOf((await iterator.next()).value as OpenAI.ChatCompletionChunk), "")
  for (const word of ["one", " two", " three"]) {
    chat.say(res, { content: word })
    assert.equal(contentOf((await iterator.next()).value as OpenAI.ChatCompletionChunk), word)
  }
  chat.finish(res)
  const last = (await iterator.next()).value as OpenAI.ChatCompletionChunk
  assert.equal(last.choices[0]?.finish_reason, "stop")
  assert.equal((await iterator.next()).done, true)
})

test("a client that is killed resumes a response with the next event, and a second viewer receives all of it", async (t) => {
  const { provider, client } = await start(t)
  const asking = client.responses.create({ model: "m", input: "?", stream: true })
  const { res, gone } = await provider.call()
  const response = writeResponse(res, "resp_1")
  response.begin()
  response.say("Once")
  let seen = ""
  let number = -1
  for await (const event of await asking) {
    number = event.sequence_number
    if (event.type !== "response.output_text.delta") continue
    seen += event.delta
    break
  }
  response.say(" upon")
  const resumed = await client.responses.retrieve("resp_1", { stream: true, starting_after: number })
  const watching = client.responses.retrieve("resp_1", { stream: true })
  const whole = client.responses.stream({ response_id: "resp_1" })
  response.say(" a time")
  response.finish()
  let before = number
  for await (const event of resumed) {
    assert.ok(event.sequence_number > before, "numbers grow")
    before = event.sequence_number
    if (event.type === "response.output_text.delta") seen += event.delta
  }
  assert.equal(seen, "Once upon a time")
  let all = ""
  for await (const event of await watching) if (event.type === "response.output_text.delta") all += event.delta
  assert.equal(all, "Once upon a time")
  assert.equal((await whole.finalResponse()).output_text, "Once upon a time")
  await gone
  assert.equal(provider.calls.length, 1, "the provider was asked once")
})

test("a client resumes exactly at any number of a response", async (t) => {
  const { provider, client } = await start(t)
  const asking = client.responses.create({ model: "m", input: "?", stream: true })
  const response = writeResponse((await provider.call()).res, "resp_1")
  response.begin()
  for (const word of ["a", "b", "c", "d"]) response.say(word)
  response.finish()
  const events: OpenAI.Responses.ResponseStreamEvent[] = []
  for await (const event of await asking) events.push(event)
  for (const [at, { sequence_number: number }] of events.entries()) {
    const rest: OpenAI.Responses.ResponseStreamEvent[] = []
    for await (const event of await client.responses.retrieve("resp_1", { stream: true, starting_after: number })) {
      rest.push(event)
    }
    const expected = events.slice(at + 1)
    assert.equal(textOf(rest), textOf(expected), `after ${number}`)
    assert.equal(rest.at(-1)?.type, expected.at(-1)?.type)
    assert.ok(rest.every(({ sequence_number: each }) => each > number))
  }
  // who made a number up is given too much rather than too little
  for (const number of [-1, 2.5, 1_000]) {
    const rest: OpenAI.Responses.ResponseStreamEvent[] = []
    for await (const event of await client.responses.retrieve("resp_1", { stream: true, starting_after: number })) {
      rest.push(event)
    }
    assert.equal(rest.at(-1)?.type, "response.completed", `after ${number}`)
    assert.ok("abcd".endsWith(textOf(rest)))
  }
})

test("a provider that restarts its response numbers does not mix the runs of clients", async (t) => {
  const { provider, client } = await start(t)
  const runs: string[] = []
  for (const word of ["first", "second"]) {
    const asking = client.responses.create({ model: "m", input: "?", stream: true }).withResponse()
    const response = writeResponse((await provider.call()).res, "resp_1")
    response.begin()
    response.say(word)
    response.finish()
    const { data, response: head } = await asking
    const events: OpenAI.Responses.ResponseStreamEvent[] = []
    for await (const event of data) events.push(event)
    assert.equal(textOf(events), word)
    runs.push(head.headers.get("onward-run") ?? "")
  }
  assert.equal(runs[0], "resp_1")
  assert.match(runs[1] ?? "", /^run_/)
  const again: OpenAI.Responses.ResponseStreamEvent[] = []
  for await (const event of await client.responses.retrieve(runs[1] ?? "", { stream: true })) again.push(event)
  assert.equal(textOf(again), "second")
})

test("a chat is resumed by its run's id, after the last received event", async (t) => {
  const { provider, server } = await start(t)
  const headers = { authorization: "Bearer ann's", "content-type": "application/json" }
  const aborter = new AbortController()
  const asking = fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers,
    body: JSON.stringify(QUESTION),
    signal: aborter.signal,
  })
  const { res } = await provider.call()
  begin(res)
  chat.say(res, { content: "Once" })
  const first = await asking
  const location = first.headers.get("content-location") ?? ""
  assert.match(location, /^\/v1\/chat\/completions\/run_[0-9a-f]{32}\?stream=true$/)
  assert.equal(first.headers.get("onward-run"), location.slice(21, 21 + 36))
  assert.equal(first.headers.get("x-request-id"), "req_7")
  assert.ok(first.body)
  let id = ""
  for await (const event of parse(first.body)) {
    id = event.id
    break
  }
  aborter.abort()
  chat.say(res, { content: " upon" })
  chat.finish(res)
  for (const request of [
    fetch(server.url + location, { headers: { ...headers, "last-event-id": id } }),
    fetch(`${server.url}${location}&starting_after=${id}`, { headers }),
  ]) {
    const rest = await (await request).text()
    assert.doesNotMatch(rest, /Once/)
    assert.match(rest, / upon[^]*"finish_reason":"stop"[^]*data: \[DONE\]/)
  }
})

test("a response stopped by another client ends for every viewer, and its provider request is aborted", async (t) => {
  const { provider, client } = await start(t)
  const asking = client.responses.create({ model: "m", input: "?", stream: true })
  const { res, gone } = await provider.call()
  const response = writeResponse(res, "resp_1")
  response.begin()
  response.say("Once")
  const types: string[] = []
  for await (const event of await asking) {
    types.push(event.type)
    if (event.type !== "response.output_text.delta") continue
    const stopped = await client.responses.cancel("resp_1")
    assert.equal(stopped.status, "cancelled")
    assert.match(JSON.stringify(stopped.output), /"text":"Once"/)
    await gone
  }
  assert.equal(types.at(-1), "response.incomplete")
  assert.ok(!types.includes("response.completed"))
})

test("a deleted response is deleted at the provider too, cannot be read again, and its viewers are told", async (t) => {
  const { provider, client, other } = await start(t)
  for (const [id, status] of [
    ["resp_1", 200],
    ["resp_2", 404],
  ] as const) {
    const asking = client.responses.create({ model: "m", input: "?", stream: true })
    const call = await provider.call()
    const response = writeResponse(call.res, id)
    response.begin()
    response.say("Secret")
    const stream = await asking
    // what others ask to be deleted is theirs, if it is anybody's: the provider has to say
    const denied = assert.rejects(other.responses.delete(id), { status: 404 })
    ;(await provider.call()).res.writeHead(404).end()
    await denied
    const deleting = client.responses.delete(id)
    const { req, res } = await provider.call()
    assert.equal(`${req.method} ${req.url}`, `DELETE /api/v1/responses/${id}`)
    res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ id, deleted: true }))
    // also when the provider knows nothing of it
    assert.deepEqual(
      (({ id, deleted }) => ({ id, deleted }))((await deleting) as unknown as { id: string; deleted: boolean }),
      { id, deleted: true },
    )
    await assert.rejects(async () => {
      for await (const event of stream) assert.notEqual(event.type, "response.completed")
    }, /The response was stopped/)
    await call.gone
    await assert.rejects(client.responses.retrieve(id, { stream: true }), { status: 410 })
  }
})

test("a provider that continues in the background is told of a stop, and decides the final status", async (t) => {
  const { provider, client } = await start(t)
  const asking = client.responses.create({ model: "m", input: "?", stream: true, background: true })
  const response = writeResponse((await provider.call()).res, "resp_1", { background: true })
  response.begin()
  const stream = await asking
  const cancelling = client.responses.cancel("resp_1")
  const { req, res } = await provider.call()
  assert.equal(`${req.method} ${req.url}`, "POST /api/v1/responses/resp_1/cancel")
  res
    .setHeader("content-type", "application/json")
    .end('{"id":"resp_1","object":"response","status":"cancelled","output":[]}')
  assert.equal((await cancelling).status, "cancelled")
  for await (const event of stream) assert.notEqual(event.type, "response.completed")
})

test("a gateway that closes tells viewers that the response is incomplete", async (t) => {
  const { provider, client, server } = await start(t)
  const asking = client.chat.completions.create(QUESTION)
  const { res } = await provider.call()
  begin(res)
  chat.say(res, { content: "Once" })
  const stream = await asking
  let closing: Promise<void> | undefined
  await assert.rejects(
    async () => {
      for await (const chunk of stream) {
        assert.equal(contentOf(chunk), "Once")
        closing = server.close()
      }
    },
    { code: "hub_closed" },
  )
  await closing
})

test("a chat is stopped by DELETE", async (t) => {
  const { provider, client, server } = await start(t)
  const asking = client.chat.completions.create(QUESTION).withResponse()
  const { res, gone } = await provider.call()
  begin(res)
  chat.say(res, { content: "Once" })
  const { data, response } = await asking
  const run = response.headers.get("onward-run") ?? ""
  const url = `${server.url}/v1/chat/completions/${run}`
  const answer = await fetch(url, { method: "DELETE", headers: { authorization: "Bearer ann's" } })
  const state = (await answer.json()) as { metrics: object }
  assert.deepEqual({ ...state, metrics: {} }, { id: run, object: "run", status: "stopped", metrics: {} })
  await gone
  await assert.rejects(async () => {
    for await (const chunk of data) void chunk
  }, /The response was stopped/)
})

test("a run reports its state, the provider's usage and its speed, while it runs and afterwards", async (t) => {
  const { provider, client, server } = await start(t)
  const asking = client.chat.completions.create(QUESTION).withResponse()
  const { res } = await provider.call()
  begin(res)
  chat.say(res, { content: "Once" })
  const { data, response } = await asking
  const url = `${server.url}/v1/chat/completions/${response.headers.get("onward-run")}?stream=false`
  const ask = async (): Promise<{ status: string; usage?: object; metrics: { tokens: number; counted: string } }> => {
    const answer = await fetch(url, { headers: { authorization: "Bearer ann's" } })
    return (await answer.json()) as { status: string; metrics: { tokens: number; counted: string } }
  }
  assert.equal((await ask()).status, "running")
  const usage = { prompt_tokens: 3, completion_tokens: 7, total_tokens: 10 }
  chat.say(res, {}, "stop")
  res.end(`data: ${JSON.stringify({ id: "c", choices: [], usage })}\n\ndata: [DONE]\n\n`)
  for await (const chunk of data) void chunk
  const state = await ask()
  assert.equal(state.status, "completed")
  assert.deepEqual(state.usage, { input: 3, output: 7 })
  assert.deepEqual([state.metrics.tokens, state.metrics.counted], [7, "usage"])
  assert.equal((await fetch(url, { headers: { authorization: "Bearer bob's" } })).status, 404)
})

test("a run can be read by its caller only", async (t) => {
  const { provider, client, other, server } = await start(t)
  const asking = client.chat.completions.create(QUESTION).withResponse()
  const { res } = await provider.call()
  begin(res)
  chat.say(res, { content: "Secret" })
  const { response } = await asking
  const run = response.headers.get("onward-run") ?? ""
  for (const method of ["GET", "DELETE"]) {
    const url = `${server.url}/v1/chat/completions/${run}`
    const answer = await fetch(url, { method, headers: { authorization: "Bearer bob's" } })
    assert.equal(answer.status, 404)
    assert.doesNotMatch(await answer.text(), /Secret/)
  }
  await assert.rejects(other.responses.retrieve("resp_1", { stream: true }), { status: 404 })
  // nor can anybody subscribe to where it is kept
  const events = readEvents(`${server.url}/events?topic=*&last_event_id=earliest`, 1)
  await fetch(`${server.url}/publish`, { method: "POST", body: new URLSearchParams({ topic: "a", data: "b" }) })
  assert.deepEqual(
    (await events).map(({ data }) => data),
    ["b"],
  )
  assert.equal(provider.calls.length, 1, "the provider was not asked either")
  // before the folder of its log goes
  await server.close()
  for (const file of readdirSync(server.data)) {
    assert.doesNotMatch(readFileSync(join(server.data, file), "latin1"), /ann's|bob's/, file)
  }
})

test("a provider that stops in the middle is reported in the format of the response, after the received part", async (t) => {
  const { provider, client } = await start(t)
  const asking = client.chat.completions.create(QUESTION)
  const { res } = await provider.call()
  begin(res)
  chat.say(res, { content: "Once" })
  const stream = await asking
  let text = ""
  await assert.rejects(
    async () => {
      for await (const chunk of stream) {
        text += contentOf(chunk)
        res.destroy()
      }
    },
    { code: "stream_ended" },
  )
  assert.equal(text, "Once")
})

test("a provider that sends no stream for a stream request is reported in the format of the response", async (t) => {
  const { server, client } = await start(t, {
    answer: ({ res }) => res.writeHead(200, { "content-type": "text/html" }).end("<p>"),
  })
  const stream = await client.chat.completions.create(QUESTION)
  await assert.rejects(
    async () => {
      for await (const chunk of stream) void chunk
    },
    { code: "bad_content_type" },
  )
  const events = await client.responses.create({ model: "m", input: "?", stream: true })
  await assert.rejects(async () => {
    for await (const event of events) void event
  }, /bad_content_type|text\/html/)
  assert.equal(server.errors.length, 2)
})
