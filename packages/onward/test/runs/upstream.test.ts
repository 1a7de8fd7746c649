import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import type { RequestListener } from "node:http"
import { createRuns } from "../../src/runs/index.ts"
import { lines } from "./lines.ts"
import { serve } from "./serve.ts"
import { textOf } from "./text-of.ts"

/** A format that says itself when an answer is complete, as those of providers do. */
const strict = {
  ...lines,
  name: "strict",
  endsWithSource: false,
  reader() {
    let isComplete = false
    return {
      ...lines.reader(),
      take(frame: string) {
        isComplete ||= frame === "."
        return lines.reader().take(frame)
      },
      get isComplete() {
        return isComplete
      },
    }
  },
}

const frame = (text: string): string => `data: ${JSON.stringify(text)}\n\n`
const stream = { "content-type": "text/event-stream" }

/** What a viewer gets, and what is told to the operator, of a run whose provider answers so. */
async function ask(t: TestContext, provider: RequestListener): Promise<{ text: string; errors: unknown[] }> {
  const url = await serve(t, provider)
  const errors: unknown[] = []
  await using runs = createRuns({ format: strict, onError: (error) => errors.push(error) })
  await runs.start("a", ({ signal }) => fetch(url, { signal }))
  return { text: await textOf(runs.attach("a")), errors }
}

test("a response of a provider arrives, and is complete", async (t) => {
  const { text, errors } = await ask(t, (_req, res) => {
    res.writeHead(200, stream)
    res.write(frame("Hello "))
    res.end(frame("world") + ": ping\n\n" + frame("."))
  })
  assert.equal(text, "Hello world.[completed]")
  assert.deepEqual(errors, [])
})

for (const status of [401, 429, 500]) {
  test(`a provider that responds with ${status} is a failed run with that status, without the provider's text`, async (t) => {
    const { text, errors } = await ask(t, (_req, res) => {
      res.writeHead(status, { "content-type": "application/json" })
      res.end('{"error":{"message":"your key sk-123 is over its limit"}}')
    })
    assert.equal(text, "[failed bad_status]")
    assert.match(String(errors[0]), new RegExp(`status ${status}`))
  })
}

test("a provider whose response is not an event stream is a failed run", async (t) => {
  const { text } = await ask(t, (_req, res) => {
    res.writeHead(200, { "content-type": "text/html" })
    res.end("<h1>Sign in</h1>")
  })
  assert.equal(text, "[failed bad_content_type]")
})

for (const type of [undefined, "text/plain", "application/json", "text/html", "application/octet-stream"]) {
  test(`an event stream with the content type ${type ?? "of none"} is read`, async (t) => {
    const { text, errors } = await ask(t, (_req, res) => {
      if (type !== undefined) res.setHeader("content-type", type)
      res.write("\ufeff\n")
      setImmediate(() => res.end(`: comment\n\n${frame("Hello")}${frame(".")}`))
    })
    assert.equal(text, "Hello.[completed]")
    assert.deepEqual(errors, [])
  })
}

test("a body that is not an event stream is a failed run, also if it is short, empty or without a type", async (t) => {
  for (const body of ["", "{}", "dat", '{"error":{"message":"no"}}', " ".repeat(10_000), "database: down"]) {
    const { text } = await ask(t, (_req, res) => res.end(body))
    assert.equal(text, "[failed bad_content_type]", body)
  }
})

test("a provider that is cut off in the middle of a token keeps the received part, marked as failed", async (t) => {
  const { text } = await ask(t, (_req, res) => {
    res.writeHead(200, stream)
    res.write(frame("Hello ") + 'data: "wor', () => setImmediate(() => res.destroy()))
  })
  assert.equal(text, "Hello [failed stream_ended]")
})

test("a provider that ends normally, but without its last frame, is a failed run", async (t) => {
  const { text } = await ask(t, (_req, res) => {
    res.writeHead(200, stream)
    res.end(frame("Hello "))
  })
  assert.equal(text, "Hello [failed stream_ended]")
})

test("an unreachable provider is a failed run, and no unhandled rejection", async () => {
  const errors: unknown[] = []
  await using runs = createRuns({ format: lines, onError: (error) => errors.push(error) })
  await runs.start("a", ({ signal }) => fetch("http://127.0.0.1:1/", { signal }))
  assert.equal(await textOf(runs.attach("a")), "[failed source_failed]")
  assert.equal(errors.length, 1)
})

test("an error of a source is reported to the operator, and not to viewers", async () => {
  const errors: unknown[] = []
  await using runs = createRuns({ format: lines, onError: (error) => errors.push(error) })
  const failure = new Error("password=secret")
  await runs.start("a", async function* () {
    yield "Hello "
    throw failure
  })
  assert.equal(await textOf(runs.attach("a")), "Hello [failed source_failed]")
  assert.equal((await runs.status("a")).error?.message.includes("secret"), false)
  assert.deepEqual(errors, [failure])
  // and at once, before there is any stream
  await runs.start("b", () => {
    throw failure
  })
  assert.equal(await textOf(runs.attach("b")), "[failed source_failed]")
})

test("a run that is stopped aborts the request of its provider", async (t) => {
  const left = Promise.withResolvers<void>()
  const url = await serve(t, (_req, res) => {
    res.on("close", () => left.resolve())
    res.writeHead(200, stream)
    res.write(frame("Hello "))
  })
  await using runs = createRuns({ format: lines })
  await runs.start("a", ({ signal }) => fetch(url, { signal }))
  const viewer = textOf(runs.attach("a"))
  await runs.attach("a").next()
  assert.equal(await runs.stop("a"), "stopped")
  await left.promise
  assert.equal(await viewer, "Hello [stopped]")
})

test("a stream of frames, a promise of one and a generator are sources as well", async () => {
  await using runs = createRuns({ format: lines })
  const readable = (): ReadableStream<string> =>
    new ReadableStream({
      start(controller) {
        for (const word of ["Hello ", "world"]) controller.enqueue(word)
        controller.close()
      },
    })
  await runs.start("stream", readable())
  await runs.start("promise", Promise.resolve(readable()))
  await runs.start("function", async () => readable())
  await runs.start(
    "generator",
    (async function* () {
      yield "Hello "
      yield "world"
    })(),
  )
  for (const id of ["stream", "promise", "function", "generator"]) {
    assert.equal(await textOf(runs.attach(id)), "Hello world[completed]")
  }
  await assert.rejects(async () => runs.start("", readable()), { code: "invalid_selector" })
})

test("a frame that its format cannot write fails its own run, alone or merged, and nothing else", async () => {
  const errors: unknown[] = []
  const encode = (frame: string) => {
    if (frame.includes("bad")) throw new TypeError("no such frame")
    return lines.encode(frame)
  }
  await using runs = createRuns({ format: { ...lines, encode }, onError: (error) => errors.push(error) })
  await runs.start("alone", async function* () {
    yield "Hello "
    yield "bad"
  })
  await runs.start("merged", async function* () {
    yield "Hello "
    yield "b"
    yield "ad"
    await new Promise(() => {})
  })
  await runs.start("other", async function* () {
    yield "Hello"
  })
  assert.equal(await textOf(runs.attach("alone")), "Hello [failed source_failed]")
  assert.equal(await textOf(runs.attach("merged")), "Hello [failed source_failed]")
  assert.equal(await textOf(runs.attach("other")), "Hello[completed]")
  assert.equal(errors.length, 2)
})
