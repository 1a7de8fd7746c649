import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub } from "onward"
import { sse, type PreparedSource, type SourceContext, type SourceSseOptions, type SseOptions } from "onward/web"
import { resume } from "onward/mcp"
import { createRuns, text } from "onward/runs"
import { rigs, withServer } from "./rigs.ts"

/** A source with options of its own, as another copy of the library makes it. */
function prepared(options: SourceSseOptions, open: (context: SourceContext) => AsyncIterable<string>): PreparedSource {
  return { "onward.source": true, open, options }
}

async function* word(): AsyncGenerator<string> {
  yield "one"
}

/** One event, then silence until the stream is over. */
async function* waits({ signal }: SourceContext): AsyncGenerator<string> {
  yield "one"
  await new Promise((resolve) => signal.addEventListener("abort", resolve))
}

const request = (headers: Record<string, string> = {}): Request => new Request("http://localhost/", { headers })

for (const rig of rigs) {
  test(`${rig.name}: a prepared source brings its options, and the caller's are added`, async () => {
    const source = prepared(
      { headers: { "x-own": "a", "x-both": "a" }, ignoreAccept: true, end: false, retry: 5 },
      word,
    )
    await withServer(
      rig,
      ({ sse }) => sse(source, { headers: { "x-both": "b" }, retry: 7 }),
      async (ask) => {
        const exchange = await ask({ headers: { accept: "application/json" } })
        assert.equal(exchange.status, 200)
        assert.equal(exchange.headers["x-own"], "a")
        assert.equal(exchange.headers["x-both"], "b")
        assert.equal(await exchange.over(), "ended")
        assert.match(exchange.text, /^: heartbeat 15000\nretry: 7\ndata: one\n\n$/)
      },
    )
  })
}

test("options that a prepared source sets cannot be set again", async () => {
  await using runs = createRuns({ format: text() })
  await using hub = createHub()
  for (const source of [runs.source("a"), resume(hub, { session: "a" })]) {
    for (const options of [{ end: true }, { ignoreAccept: false }]) {
      const [name] = Object.keys(options) as [string]
      const message = `sse: \`${name}\` cannot be changed, because this source sets it. Remove the option.`
      assert.throws(() => sse(request(), source, options as object), { name: "TypeError", message })
    }
  }
  assert.throws(() => sse(request(), runs as never), /Pass runs\.source\(id\)/)
})

test("a prepared source ends by its own signal and by the caller's", async () => {
  for (const isOwn of [true, false]) {
    const own = new AbortController()
    const given = new AbortController()
    const source = prepared({ signal: own.signal, end: false }, waits)
    const response = await sse(request(), source, { signal: given.signal })
    const ended = response.text()
    ;(isOwn ? own : given).abort()
    assert.equal(await ended, ": heartbeat 15000\ndata: one\n\n")
  }
})

test("errors go to the caller's onError, or to the prepared source's", async () => {
  async function* fails(): AsyncGenerator<string> {
    yield "one"
    throw new Error("wrong")
  }
  const told: string[] = []
  const source = prepared({ onError: () => told.push("own") }, fails)
  await (await sse(request(), source)).text()
  await (await sse(request(), source, { onError: () => told.push("given") })).text()
  const unset = { onError: undefined } as unknown as SseOptions<PreparedSource>
  await (await sse(request(), source, unset)).text()
  assert.deepEqual(told, ["own", "given", "own"])
})

test("each kind of source has its own option type", async () => {
  await using hub = createHub()
  await using runs = createRuns({ hub, format: text() })
  const never = (): void => {
    const subscription = hub.subscribe({ topics: ["a"] })
    void sse(request(), subscription, { compress: "shared", retry: 1, ignoreAccept: true })
    void sse(request(), word, { heartbeat: 1, stallTimeout: 1, end: false, retry: 1, compress: "shared" })
    void sse(request(), word(), { onError: (error) => void error, signal: AbortSignal.abort() })
    void sse(request(), ({ signal, lastEventId }) => (signal.aborted || lastEventId === "a" ? null : word()))
    void sse(request(), runs.source("a"), { heartbeat: 1, cors: { origins: "*" } })
    // @ts-expect-error -- the hub has it
    void sse(request(), subscription, { heartbeat: 1 })
    // @ts-expect-error -- hub.subscribe has it
    void sse(request(), subscription, { signal: AbortSignal.abort() })
    // @ts-expect-error -- hub.subscribe has until
    void sse(request(), subscription, { end: false })
    // @ts-expect-error -- a preference is a word
    void sse(request(), word, { compress: { prefer: true } })
    // @ts-expect-error -- the run's format has an end
    void sse(request(), runs.source("a"), { end: true })
    // @ts-expect-error -- the run is streamed to every client
    void sse(request(), runs.source("a"), { ignoreAccept: false })
  }
  assert.equal(typeof never, "function")
})
