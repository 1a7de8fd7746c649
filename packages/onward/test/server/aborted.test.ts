import assert from "node:assert/strict"
import { EventEmitter, on, once } from "node:events"
import http from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"
import { test, type TestContext } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { inspect } from "node:util"
import { sse as nodeSse, type Source, type SourceContext } from "onward/node"
import { parse } from "onward/protocol"
import { connect } from "onward/testing"
import { sse as webSse } from "onward/web"
import { isAbort } from "../../src/server/aborted.ts"

/** How long a source waits for what only its signal brings, in ms: no test takes so long. */
const LONG = 60_000

/** A server that begins to answer, and never goes on. */
async function endless(t: TestContext): Promise<string> {
  const server = http.createServer((_, res) => {
    res.writeHead(200, { "content-type": "text/event-stream" }).write("data: one\n\n")
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** Sources that heed their signal, each in its way. */
const shapes: Readonly<Record<string, (url: string) => Source>> = {
  "a generator that sleeps": () =>
    async function* ({ signal }) {
      yield "one"
      await sleep(LONG, undefined, { signal })
    },
  "a generator that asks the signal": () =>
    async function* ({ signal }) {
      yield "one"
      await once(signal, "abort")
      signal.throwIfAborted()
    },
  "a generator that wraps what it fails with": () =>
    async function* ({ signal }) {
      yield "one"
      try {
        await sleep(LONG, undefined, { signal })
      } catch (cause) {
        throw new Error("the query was cancelled", { cause })
      }
    },
  "an async iterable of events":
    () =>
    ({ signal }) => {
      const emitter = new EventEmitter()
      setImmediate(() => emitter.emit("word", "one"))
      const words = on(emitter, "word", { signal })
      return { [Symbol.asyncIterator]: () => ({ next: async () => first(await words.next()) }) }
    },
  "a ReadableStream":
    () =>
    ({ signal }) =>
      new ReadableStream({
        start: (controller) => controller.enqueue("one"),
        pull: () => sleep(LONG, undefined, { signal }),
      }),
  "a stream of Node":
    () =>
    ({ signal }) => {
      const stream = new Readable({ objectMode: true, read() {}, signal })
      stream.push("one")
      return stream
    },
  "the body of a fetch": (url) =>
    async function* ({ signal }) {
      const { body } = await fetch(url, { signal })
      yield* parse(body as ReadableStream<Uint8Array>)
    },
  "a fetch whose signal is another, aborted by hand": (url) =>
    async function* ({ signal }) {
      const mine = new AbortController()
      signal.addEventListener("abort", () => mine.abort())
      const { body } = await fetch(url, { signal: mine.signal })
      yield* parse(body as ReadableStream<Uint8Array>)
    },
  "a client whose errors have names of their own": () =>
    async function* ({ signal }) {
      yield "one"
      await once(signal, "abort")
      throw Object.assign(new Error("canceled"), { name: "CanceledError", code: "ERR_CANCELED" })
    },
}

const first = ({ done, value }: IteratorResult<unknown[]>): IteratorResult<string> =>
  done ? { done, value: undefined } : { done: false, value: String(value[0]) }

/** What is told of a source whose client leaves once it has got the first event, by each kind of `sse`. */
async function toldOf(source: Source): Promise<Record<string, unknown[]>> {
  const told = { node: [] as unknown[], web: [] as unknown[] }
  const node = await connect((req, res) => nodeSse(req, res, source, { onError: (error) => told.node.push(error) }))
  const web = await connect({
    fetch: (request) => webSse(request, source, { onError: (error) => told.web.push(error) }),
  })
  for (const reader of [node, web]) {
    assert.equal((await reader.next()).data, "one")
    await reader.cut()
  }
  // what fails does so in later turns
  await sleep(20)
  return told
}

for (const [name, shape] of Object.entries(shapes)) {
  test(`nothing is reported when a client disconnects: ${name}`, async (t) => {
    assert.deepEqual(await toldOf(shape(await endless(t))), { node: [], web: [] })
  })
}

test("nothing is reported for a source that its request's signal aborts", async () => {
  const told: unknown[] = []
  const reader = await connect({
    fetch: (request) =>
      webSse(
        request,
        async function* () {
          yield "one"
          await sleep(LONG, undefined, { signal: request.signal })
        },
        { onError: (error) => told.push(error) },
      ),
  })
  await reader.next()
  await reader.cut()
  await sleep(20)
  assert.deepEqual(told, [])
})

const failure = new Error("the database is gone")

/** Sources that fail for a reason of their own when their client leaves. */
const failing: Readonly<Record<string, Source>> = {
  async *"its clean-up fails"({ signal }) {
    try {
      yield "one"
      await sleep(LONG, undefined, { signal })
    } finally {
      await Promise.reject(failure)
    }
  },
  async *"it fails at the same time"({ signal }) {
    yield "one"
    await once(signal, "abort")
    throw failure
  },
  async *"it fails and is aborted, both in one"({ signal }) {
    yield "one"
    await sleep(LONG, undefined, { signal }).catch((error: unknown) => {
      throw new AggregateError([error, failure])
    })
  },
  "a ReadableStream fails to be cancelled": () =>
    new ReadableStream({ start: (controller) => controller.enqueue("one"), cancel: () => Promise.reject(failure) }),
  "it returns by throwing": {
    [Symbol.asyncIterator]: () => ({
      next: onceThenNever(),
      return() {
        throw failure
      },
    }),
  },
}

function onceThenNever(): () => Promise<IteratorResult<string>> {
  let count = 0
  return () => (count++ === 0 ? Promise.resolve({ done: false, value: "one" }) : new Promise(() => {}))
}

for (const [name, source] of Object.entries(failing)) {
  test(`a real error is reported although the client has disconnected: ${name}`, async () => {
    const told: unknown[] = []
    const reader = await connect((req, res) => nodeSse(req, res, source, { onError: (error) => told.push(error) }))
    await reader.next()
    await reader.cut()
    await sleep(20)
    const [error] = told
    assert.equal(told.length, 1)
    assert.equal(error instanceof AggregateError ? error.errors[1] : error, failure)
  })
}

test("an abort is reported while the client is still connected", async () => {
  const told: unknown[] = []
  const source: Source = async function* () {
    yield "one"
    throw new DOMException("The model was aborted.", "AbortError")
  }
  const reader = await connect((req, res) => nodeSse(req, res, source, { onError: (error) => told.push(error) }))
  assert.equal(await reader.closed(), "ended")
  assert.match(String(told[0]), /The model was aborted/)
})

test("nothing is reported for a function that was still creating its source when the client disconnected", async (t) => {
  for (const fails of [false, true]) {
    const told: unknown[] = []
    const asked = Promise.withResolvers<SourceContext>()
    const server = http.createServer((req, res) =>
      nodeSse(
        req,
        res,
        async (context) => {
          asked.resolve(context)
          await sleep(LONG, undefined, { signal: context.signal }).catch((error: unknown) => {
            throw fails ? failure : error
          })
          return null
        },
        { onError: (error) => told.push(error) },
      ),
    )
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    t.after(() => server.close())
    const req = http.get({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" })
    req.on("error", () => {})
    const { signal } = await asked.promise
    req.destroy()
    if (!signal.aborted) await once(signal, "abort")
    await sleep(20)
    assert.deepEqual(told, fails ? [failure] : [])
  }
})

test("an error is an abort if it contains no other error", () => {
  const reason = new Error("over")
  const abort = new DOMException("This operation was aborted.", "AbortError")
  const circle = new Error("circle")
  circle.cause = circle
  const circles = new AggregateError([])
  circles.errors.push(circles)
  const replaced: SuppressedError = new SuppressedError(abort, abort)
  replaced.error = replaced
  class APIUserAbortError extends Error {}
  for (const [error, expected] of [
    [new SuppressedError(abort, reason), true],
    [new SuppressedError(abort, new Error("real")), false],
    [new SuppressedError(new Error("real"), abort), false],
    [replaced, false],
    [Object.assign(new SuppressedError(abort, abort), { suppressed: replaced }), false],
    [circles, false],
    [new APIUserAbortError("stopped"), true],
    [Object.create(null), false],
    [reason, true],
    [abort, true],
    [new Error("wrapped", { cause: reason }), true],
    [new AggregateError([abort, reason]), true],
    [new AggregateError([abort, new Error("real")]), false],
    [new AggregateError([]), false],
    [new DOMException("The operation timed out.", "TimeoutError"), false],
    [Object.assign(new Error("aborted"), { name: "AbortError", cause: new Error("real") }), false],
    [circle, false],
    ["AbortError", false],
    [null, false],
  ] as const) {
    assert.equal(isAbort(error, [reason]), expected, inspect(error))
  }
})
