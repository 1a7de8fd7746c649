import assert from "node:assert/strict"
import { test } from "node:test"
import { eventStreamIn } from "../../src/runs/event-stream.ts"
import { framesIn } from "../../src/runs/frames.ts"
import { discardSource, openFrames } from "../../src/runs/source.ts"
import { lines } from "./lines.ts"

/** A body of these pieces, and whether it was cancelled. */
function bodyOf(...pieces: readonly string[]) {
  const state = { isCancelled: false, left: [...pieces] }
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = state.left.shift()
        if (piece === undefined) controller.close()
        else controller.enqueue(new TextEncoder().encode(piece))
      },
      cancel: () => void (state.isCancelled = true),
    },
    { highWaterMark: 0 },
  )
  return { body, state }
}

async function read(...pieces: readonly string[]): Promise<string | undefined> {
  const decoder = new TextDecoder()
  let text = ""
  try {
    for await (const piece of eventStreamIn(bodyOf(...pieces).body)) text += decoder.decode(piece, { stream: true })
  } catch (error) {
    return (error as { code: string }).code
  }
  return text
}

test("a body that begins with a field of an event is an event stream, however it is cut into pieces", async () => {
  for (const start of [
    "data: a\n\n",
    "event: a\ndata: b\n\n",
    "id: 1\n\n",
    "retry: 1\n\n",
    ": ping\n\n",
    "\n \r\ndata:a\n\n",
  ]) {
    assert.equal(await read(start, "data: more\n\n"), `${start}data: more\n\n`)
    assert.equal(await read(...start.split("")), start)
  }
  assert.equal(await read("\ufeffdata: a\n\n"), "data: a\n\n", "which decoders drop")
  assert.equal(await read("id:"), "id:")
})

test("a body that begins with other text is not an event stream", async () => {
  for (const start of ["", " ", "{", "dat", "data", "database: 1", "<html>", "ids:1", "Data: a\n\n", "x data: a\n\n"]) {
    assert.equal(await read(start), "bad_content_type", start)
    assert.equal(await read(...start.split("")), "bad_content_type", start)
  }
})

test("a decision needs 8 characters, or 4,096 bytes of white space", async () => {
  const { body, state } = bodyOf("data: ab", "never read")
  const reading = eventStreamIn(body)
  await reading.next()
  assert.deepEqual(state.left, ["never read"])
  await reading.return(undefined)
  assert.equal(state.isCancelled, true)
  const short = bodyOf("data: a", "more", "never read")
  await eventStreamIn(short.body).next()
  assert.deepEqual(short.state.left, ["never read"])

  const blank = bodyOf(" ".repeat(4_096), "data: a\n\n")
  await assert.rejects(eventStreamIn(blank.body).next(), { code: "bad_content_type" })
  assert.equal(blank.state.isCancelled, true)
  assert.equal(await read(" ".repeat(4_095), "data: a\n\n"), `${" ".repeat(4_095)}data: a\n\n`)
  assert.equal(await read(`${" ".repeat(5_000)}data: a\n\n`), "bad_content_type")
})

test("a source that sends only what is no frame fails after 10,000 events, and one frame begins the count again", async () => {
  const wrong = "data: {\n\n"
  const right = 'data: "a"\n\n'
  const frames = async (...pieces: readonly string[]): Promise<unknown> => {
    let count = 0
    try {
      for await (const _ of framesIn(bodyOf(...pieces).body, lines)) count++
    } catch (error) {
      return (error as Error).name
    }
    return count
  }
  assert.equal(await frames(wrong.repeat(10_000), right), 1)
  assert.equal(await frames(wrong.repeat(10_001), right), "SyntaxError")
  assert.equal(await frames(wrong.repeat(9_000), right, wrong.repeat(9_000), right), 2)
})

test("data is a terminator with up to 7 characters of white space around it", async () => {
  const format = { ...lines, terminator: "[DONE]" }
  const framesOf = async (data: string): Promise<unknown[]> => {
    const frames: unknown[] = []
    for await (const frame of framesIn(bodyOf(`data: ${data}\n\ndata: "a"\n\n`).body, format)) frames.push(frame)
    return frames
  }
  assert.deepEqual(await framesOf(`   [DONE]    `), ["[DONE]"])
  assert.deepEqual(await framesOf(`    [DONE]    `), ["a"])
})

test("the data of each event is told before it is decoded, and a listener that throws ends the reading", async () => {
  const told: string[] = []
  const { body, state } = bodyOf('data: "a"\n\n', "data: {\n\n", 'data: "b"\n\n', 'data: "c"\n\n')
  const onEvent = (data: string): void => {
    told.push(data)
    if (data === '"b"') throw new TypeError("enough")
  }
  await assert.rejects(async () => {
    for await (const _ of framesIn(body, lines, { onEvent }));
  }, /enough/)
  assert.deepEqual(told, ['"a"', "{", '"b"'])
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(state.isCancelled, true)
})

test("a source is opened as what it is, and other values are programming errors", async () => {
  const context = { id: "a", signal: new AbortController().signal }
  const open = (source: unknown) => openFrames(source as never, context, lines, {})
  const generator = async function* () {
    yield "a"
  }
  for (const source of [
    generator,
    generator(),
    Promise.resolve(generator()),
    new ReadableStream(),
    () => generator(),
  ]) {
    assert.equal((await open(source)).isWire, false)
  }
  const headers = { "content-type": "text/event-stream; charset=utf-8" }
  const { iterator, isWire } = await open(new Response('data: "a"\n\n', { headers }))
  assert.equal(isWire, true)
  assert.deepEqual(await iterator.next(), { done: false, value: "a" })
  for (const source of [undefined, null, 7, "text", {}, []]) await assert.rejects(open(source), TypeError)
  for (const status of [200, 299]) assert.ok(await open(new Response('data: "a"\n\n', { status, headers })))
  for (const status of [300, 404]) {
    await assert.rejects(open(new Response("", { status, headers })), { code: "bad_status", status })
  }
  await assert.rejects(open(new Response(null, { status: 204 })), { code: "bad_content_type" })
  await assert.rejects(open({ status: 199, headers: new Headers(), body: null }), { code: "bad_status" })
})

test("a source that is not used is disposed of, whatever it is", async () => {
  const [response, stream, rejected] = [bodyOf("a"), bodyOf("a"), bodyOf("a")]
  let isReturned = false
  const iterable = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: true, value: undefined }) as const,
      return: async () => ((isReturned = true), { done: true, value: undefined } as const),
    }),
  }
  discardSource(new Response(response.body))
  discardSource(Promise.resolve(stream.body as ReadableStream<unknown>))
  discardSource(iterable)
  discardSource(Promise.reject(new Error("never seen")))
  discardSource({ [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }) })
  discardSource(() => assert.fail("not called"))
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([response.state.isCancelled, stream.state.isCancelled, isReturned], [true, true, true])
  // a response with a status that ends the run is cancelled too
  const refused = new Response(rejected.body, { status: 500 })
  await assert.rejects(openFrames(refused, { id: "a", signal: new AbortController().signal }, lines, {}))
  assert.equal(rejected.state.isCancelled, true)
})
