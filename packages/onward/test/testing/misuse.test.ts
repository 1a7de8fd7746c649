import assert from "node:assert/strict"
import { test } from "node:test"
import { sse } from "../../src/adapters/node.ts"
import { createHub } from "../../src/index.ts"
import { connect, createClock, type ConnectOptions, type Handler } from "../../src/testing/index.ts"
import { styles } from "./styles.ts"

const forever = { "a listener": () => {}, "a fetch handler": { fetch: () => new Promise<Response>(() => {}) } }

for (const [name, handler] of Object.entries(forever)) {
  test(`${name} that never responds is an error, after a limit of real time`, async () => {
    await assert.rejects(connect(handler, { timeout: 20 }), {
      code: "connect_timeout",
      message: "the handler has not answered within 20 ms: it must call `sse(…)` or end its response",
    })
  })
}

for (const [name, style] of Object.entries(styles)) {
  test(`${name}: waiting in vain for events reports how many there are, and what to do`, async () => {
    const hub = createHub({ clock: createClock() })
    const reader = await connect(
      style(() => hub.subscribe({ topics: ["news"] })),
      { timeout: 20 },
    )
    await hub.publish({ topic: "news", data: "one" })
    await assert.rejects(reader.take(2), {
      code: "event_timeout",
      message: /^1 of 2 events did not come within 20 ms \(received in all: 1, .*clock\.pass\(ms\).*flow\(\)`$/,
    })
    assert.equal((await reader.next()).data, "one", "what came is still to be taken")
    await assert.rejects(reader.closed(), { code: "event_timeout", message: /^the stream did not end within 20 ms/ })
    await reader.cut()
  })

  test(`${name}: after the end there is no next event, and the error shows the last one`, async () => {
    const reader = await connect(
      style(
        () =>
          async function* () {
            yield "only"
          },
        { end: false },
      ),
    )
    await reader.closed()
    await assert.rejects(reader.take(2), {
      code: "stream_ended",
      message: /^the server ended the stream: 1 of 2 events came; last was ".*data: only\\n\\n"$/,
    })
    assert.equal((await reader.next()).data, "only")
    await assert.rejects(reader.next(), { code: "stream_ended" })
  })

  test(`${name}: a test that waits for an event when the connection is cut is told`, async () => {
    const reader = await connect(
      style(
        () =>
          async function* () {
            yield await new Promise<string>(() => {})
          },
      ),
    )
    const next = assert.rejects(reader.next(), { code: "stream_ended", message: /^the connection was cut: 0 of 1/ })
    await reader.cut()
    await next
    await reader.cut() // twice is fine
  })

  test(`${name}: requesting events of a refusal shows the refusal`, async () => {
    const reader = await connect(
      style(() => async function* () {}),
      { headers: { accept: "text/html" } },
    )
    await assert.rejects(reader.next(), { code: "bad_status", status: 406, message: /status 406, "This is an event/ })
  })
}

test("a valid response that is not an event stream is shown too", async () => {
  const reader = await connect({ fetch: () => new Response("<p>hello</p>") })
  await assert.rejects(reader.next(), { code: "bad_content_type", message: /<p>hello<\/p>/ })
})

test("an error of a handler before its response is what connect throws", async () => {
  const error = new Error("no such table")
  const fail = (): never => {
    throw error
  }
  for (const handler of [fail, async () => fail(), { fetch: fail }, { fetch: async () => fail() }] as Handler[]) {
    await assert.rejects(connect(handler), error)
  }
})

test("a fetch-style function is reported with how to pass it", async () => {
  await assert.rejects(
    connect(() => new Response("")),
    /this handler returns a Response, so it is fetch-style: did you mean `connect\(\{ fetch: handler \}\)`/,
  )
  const forgetful = { fetch: () => undefined } as unknown as Handler
  await assert.rejects(connect(forgetful), /`fetch` must return a Response/)
})

test("a value that is not a handler is a TypeError that names valid ones", async () => {
  for (const handler of [undefined, null, {}, "http://localhost", { fetch: 1 }] as unknown as Handler[]) {
    await assert.rejects(connect(handler), { name: "TypeError", message: /^connect takes a listener/ })
  }
})

test("an unknown option, or one without effect, is a TypeError", async () => {
  const handler: Handler = (req, res) => sse(req, res, async function* () {})
  await assert.rejects(
    connect(handler, { url: "/" } as ConnectOptions),
    /connect has no option "url". Its options are path/,
  )
  await assert.rejects(connect(handler, { timeout: 0 }), /timeout must be a number/)
  for (const ms of [-1, Number.NaN, Infinity]) {
    await assert.rejects(createClock().pass(ms), /pass takes a number of milliseconds/)
  }
})

test("events that are not JSON say so when they are read as JSON", async () => {
  const reader = await connect((req, res) =>
    sse(req, res, async function* () {
      yield "hello"
    }),
  )
  const event = await reader.next()
  assert.throws(() => event.json(), SyntaxError)
  await reader.cut()
})

test("an unknown option of a clock is an error", () => {
  assert.throws(() => createClock({ sed: 1 } as object), { name: "TypeError", message: /seed/ })
})
