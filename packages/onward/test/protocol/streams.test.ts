import assert from "node:assert/strict"
import { test } from "node:test"
import { createParserStream, parse, type ParsedEvent } from "../../src/protocol/index.ts"
import { bytesOf } from "./feed.ts"

const CHUNKS = ["\ufeffid: 1\nda", "ta: a\n\ndata: b\n\n", ": nothing\n", "data: c\r", "\n\r\ndata: lost"].map(bytesOf)
const EVENTS = ["a", "b", "c"].map((data) => ({ event: "message", data, id: "1" }))

/** A stream of chunks that tells how many were taken and whether it was cancelled. */
function source(chunks: readonly (Uint8Array | Error)[]) {
  const state = { taken: 0, cancelled: false }
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks[state.taken++]
        if (chunk === undefined) controller.close()
        else if (chunk instanceof Error) controller.error(chunk)
        else controller.enqueue(chunk)
      },
      cancel() {
        state.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { state, body }
}

async function* generate(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

async function all(events: AsyncIterable<ParsedEvent>): Promise<ParsedEvent[]> {
  const list: ParsedEvent[] = []
  for await (const event of events) list.push(event)
  return list
}

test("parse returns the events of a web stream, of an iterable and of a response", async () => {
  assert.deepEqual(await all(parse(source(CHUNKS).body)), EVENTS)
  assert.deepEqual(await all(parse(generate(CHUNKS))), EVENTS)
  const { body } = new Response("data: x\n\n")
  assert.ok(body)
  assert.deepEqual(await all(parse(body)), [{ event: "message", data: "x", id: "" }])
})

test("parse reads no further than its caller", async () => {
  const { state, body } = source(CHUNKS)
  const events = parse(body)
  assert.equal(state.taken, 0)
  await events.next()
  assert.equal(state.taken, 2)
  await events.next()
  assert.equal(state.taken, 2)
})

test("leaving the loop cancels the body", async () => {
  const { state, body } = source(CHUNKS)
  for await (const { data } of parse(body)) if (data === "a") break
  assert.deepEqual(state, { taken: 2, cancelled: true })
  let left = false
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield bytesOf("data: x\n\n")
    } finally {
      left = true
    }
  }
  for await (const { data } of parse(endless())) if (data === "x") break
  assert.ok(left)
})

test("return ends a pending read", async () => {
  const body = new ReadableStream<Uint8Array>({}, { highWaterMark: 0 })
  const events = parse(body)
  const waiting = events.next()
  await events.return?.()
  assert.deepEqual(await waiting, { done: true, value: undefined })
  assert.deepEqual(await events.next(), { done: true, value: undefined })
})

test("concurrent calls of next are served in order", async () => {
  const events = parse(source(CHUNKS).body)
  const results = await Promise.all([1, 2, 3, 4, 5].map(() => events.next()))
  assert.deepEqual(
    results.map(({ value }) => value?.data),
    ["a", "b", "c", undefined, undefined],
  )
})

test("a failure of the body is thrown after the events before it, once", async () => {
  const events = parse(source([...CHUNKS.slice(0, 2), new Error("reset")]).body)
  assert.equal((await events.next()).value?.data, "a")
  assert.equal((await events.next()).value?.data, "b")
  await assert.rejects(events.next(), { message: "reset" })
  assert.deepEqual(await events.next(), { done: true, value: undefined })
})

test("an event that is too large ends the iteration and cancels the body", async () => {
  const { state, body } = source([bytesOf(`data: a\n\ndata: ${"x".repeat(200)}`), ...CHUNKS])
  const events = parse(body, { maxEventBytes: 100 })
  assert.equal((await events.next()).value?.data, "a")
  await assert.rejects(events.next(), { code: "event_too_large" })
  assert.deepEqual(state, { taken: 1, cancelled: true })
})

test("parse accepts the options of a parser and its other handlers", async () => {
  const heard: unknown[] = []
  const events = parse(generate([bytesOf(": c\nretry: 5\nid: 8\n\ndata: x\n\n")]), {
    lastEventId: "7",
    onComment: (comment) => heard.push(comment),
    onRetry: (retry) => heard.push(retry),
    onId: (id) => heard.push(id),
  })
  assert.deepEqual(await all(events), [{ event: "message", data: "x", id: "8" }])
  assert.deepEqual(heard, ["c", 5, "8"])
})

test("an error of a handler ends the iteration", async () => {
  const events = parse(source([bytesOf("data: a\n\n: c\ndata: b\n\n"), ...CHUNKS]).body, {
    onComment() {
      throw new Error("mine")
    },
  })
  assert.equal((await events.next()).value?.data, "a")
  assert.equal((await events.next()).value?.data, "b")
  await assert.rejects(events.next(), { message: "mine" })
})

test("createParserStream turns bytes into events", async () => {
  assert.deepEqual(await all(source(CHUNKS).body.pipeThrough(createParserStream())), EVENTS)
})

test("createParserStream waits for its reader", async () => {
  const { state, body } = source(Array.from({ length: 50 }, () => bytesOf("data: x\n\ndata: y\n\n")))
  const reader = body.pipeThrough(createParserStream()).getReader()
  await reader.read()
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(state.taken < 5, `${state.taken} chunks taken for one event`)
  await reader.cancel()
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(state.cancelled)
})

test("createParserStream fails with the error of its source", async () => {
  const large = source([bytesOf(`data: ${"x".repeat(200)}`)])
  await assert.rejects(all(large.body.pipeThrough(createParserStream({ maxEventBytes: 100 }))), {
    code: "event_too_large",
  })
  const broken = source([new Error("reset")])
  await assert.rejects(all(broken.body.pipeThrough(createParserStream())), { message: "reset" })
})
