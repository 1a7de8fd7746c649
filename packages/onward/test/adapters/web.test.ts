import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { getEventListeners } from "node:events"
import { test } from "node:test"
import { promisify } from "node:util"
import { createHub } from "onward"
import { sse, type Source } from "onward/web"
import { Frame } from "../../src/frame.ts"
import { DirectSink } from "../../src/web/direct-sink.ts"
import { eventually } from "./exchange.ts"

const ask = (init?: RequestInit): Request =>
  new Request("http://localhost/", { signal: new AbortController().signal, ...init })

const KIB_64 = 65_536

const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, "abort").length

const listeners = (request: Request): number => listenersOf(request.signal)

test("a request's signal is released when its stream ends, in any way", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  const generator: Source = async function* () {
    yield "one"
  }
  const sources: Record<string, Source> = {
    "a generator": generator,
    "an async function": async () => new ReadableStream<string>({ start: (controller) => controller.close() }),
    nothing: () => null,
    "an error": () => {
      throw new Error("at once")
    },
  }
  for (const [name, source] of Object.entries(sources)) {
    const request = ask()
    const before = listeners(request)
    const response = await sse(request, source, { onError: () => {} })
    await response.text()
    assert.equal(listeners(request), before, name)
  }
  for (const method of ["HEAD", "OPTIONS", "DELETE"]) {
    const request = ask({ method })
    const before = listeners(request)
    await sse(request, hub.subscribe({ topics: ["a"] }))
    await sse(request, generator)
    assert.equal(listeners(request), before, method)
  }
  const cancelled = ask()
  const before = listeners(cancelled)
  const response = await sse(cancelled, hub.subscribe({ topics: ["a"] }))
  await response.body?.cancel()
  assert.equal(listeners(cancelled), before)
  assert.equal(hub.stats().connections, 0)
})

test("a body is written ahead of its reader by at most 64 KiB, counted in bytes, and one frame", async () => {
  let pulled = 0
  const response = await sse(ask(), async function* () {
    for (;;) {
      pulled++
      yield "é".repeat(4_096)
    }
  })
  await eventually("it is full", () => pulled >= 8)
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(pulled, 8, "eight times 8 KiB")
  const reader = response.body?.getReader()
  await reader?.read()
  await reader?.read()
  await eventually("it goes on", () => pulled > 8)
  await reader?.cancel()
})

test("a body is full at 64 KiB exactly", async () => {
  const around = ": heartbeat 15000\ndata: \n\n".length
  for (const [size, expected] of [
    [KIB_64 - 1, 2],
    [KIB_64, 1],
  ] as const) {
    let pulled = 0
    const response = await sse(ask(), async function* ({ signal }) {
      for (; pulled < 2 && !signal.aborted;) {
        pulled++
        yield "x".repeat(size - around)
      }
    })
    await eventually("it is asked", () => pulled >= expected)
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(pulled, expected, `${size} bytes`)
    await response.body?.cancel()
  }
})

test("a stalled body of a hub's stream holds one part, and delivers everything when it is read", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  const response = await sse(ask(), hub.subscribe({ topics: ["a"] }))
  await eventually("it is live", () => hub.stats().live === 1)
  for (let i = 0; i < 100; i++) {
    await hub.publish({ topic: "a", data: `${i} `.padEnd(10_000, "x") })
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(hub.stats().live, 0)
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  let text = ""
  while (!text.includes("data: 99 ")) text += Buffer.from((await reader.read()).value ?? []).toString()
  const numbers = [...text.matchAll(/^data: (\d+) /gm)].map(([, n]) => Number(n))
  assert.deepEqual(
    numbers,
    Array.from({ length: 100 }, (_, i) => i),
  )
  await eventually("it is live again", () => hub.stats().live === 1)
  await reader.cancel()
  assert.equal(hub.stats().connections, 0)
})

test("a reader receives an error when its stream is dropped, and an end when it is complete", async () => {
  const hub = createHub({ stallTimeout: 500, heartbeat: 500 })
  const stalled = await sse(ask(), hub.subscribe({ topics: ["a"] }))
  const healthy = await sse(ask(), hub.subscribe({ topics: ["b"] }))
  await eventually("they are live", () => hub.stats().live === 2)
  await hub.publish({ topic: "a", data: "x".repeat(100_000) })
  await eventually("one is gone", () => hub.stats().connections === 1)
  await assert.rejects(stalled.text(), { name: "AbortError" })
  await hub.close()
  assert.match(await healthy.text(), /^: heartbeat 500\n/)
})

test("an aborted request ends its body with the reason", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  const gone = new AbortController()
  const response = await sse(ask({ signal: gone.signal }), hub.subscribe({ topics: ["a"] }))
  const reason = new Error("the client left")
  gone.abort(reason)
  await assert.rejects(response.text(), reason)
  assert.equal(hub.stats().connections, 0)
})

test("a source whose cleanup fails is reported once", async () => {
  const errors: unknown[] = []
  const source: Source = async function* () {
    try {
      for (;;) {
        yield "one"
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    } finally {
      // oxlint-disable-next-line eslint/no-unsafe-finally -- what is tested
      throw new Error("in cleaning up")
    }
  }
  const response = await sse(ask(), source, { onError: (error) => errors.push(error) })
  await response.body?.cancel()
  await eventually("it is reported", () => errors.length > 0)
  await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(errors.map(String), ["Error: in cleaning up"])
})

test("a stream is told that its client disconnected, also when nothing else references its request", async () => {
  const program = new URL("programs/collected-request.ts", import.meta.url).pathname
  const flags = ["--expose-gc", "--conditions=onward-source"]
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, program])
  assert.equal(stdout, "1 before, 0 after\n")
})

test("a response to HEAD has no body, also when the request is refused", async () => {
  const response = await sse(ask({ method: "HEAD", headers: { accept: "text/html" } }), () => null)
  assert.equal(response.status, 406)
  assert.equal(response.body, null)
  assert.notEqual(await (await sse(ask({ headers: { accept: "text/html" } }), () => null)).text(), "")
})

test("without a signal or with other headers, a request is refused as no Request", () => {
  const message = /takes a Request, not an object\. Pass it first\./
  for (const request of [{ headers: new Headers() }, { headers: {}, signal: new AbortController().signal }])
    assert.throws(() => sse(request as Request, () => null), { name: "TypeError", message })
})

/** What a direct stream of Bun does with a sink. */
interface DirectSource {
  pull(controller: object): Promise<void> | undefined
  cancel(): void
}

/** A sink, what Bun would call of it, and what it calls. */
function direct() {
  const original = globalThis.ReadableStream
  const client = new AbortController()
  const sources: DirectSource[] = []
  function DirectStream(source: DirectSource): void {
    sources.push(source)
  }
  Object.assign(globalThis, { ReadableStream: DirectStream })
  const sink = new DirectSink(client.signal)
  Object.assign(globalThis, { ReadableStream: original })
  const calls: string[] = []
  const failures: unknown[] = []
  sink.owner = { onDrain: () => calls.push("drain"), onClose: () => calls.push("close") }
  /** What the next writes of Bun's server return; otherwise the number of bytes. */
  const results: Promise<unknown>[] = []
  const controller = {
    write(bytes: Uint8Array) {
      calls.push(bytes.length > 10 ? `write ${bytes.length}` : `write ${Buffer.from(bytes).toString()}`)
      return results.shift() ?? bytes.length
    },
    flush: () => calls.push("flush"),
    end: () => calls.push("end"),
  }
  const program = { ...controller, error: (reason: unknown) => failures.push(reason) }
  return {
    sink,
    client,
    calls,
    failures,
    results,
    /** As Bun's server does it, once. */
    serve: () => sources[0]?.pull({ ...controller, sinkId: 0 }),
    /** As a program that reads the body does it, for each read. */
    read: () => sources[0]?.pull(program),
    cancel: () => sources[0]?.cancel(),
  }
}

test("Bun 1.4: its server gets what was written before and after it began, and the end", async () => {
  const { sink, client, calls, serve } = direct()
  assert.equal(sink.write(new Frame("a")), true)
  assert.equal(sink.writeText("é"), true)
  const ended = serve()
  assert.deepEqual(calls, ["write a", "write é"])
  assert.equal(listenersOf(client.signal), 0, "the server cancels the body")
  // however much: the server tells when it is full
  assert.equal(sink.write(new Frame("x".repeat(KIB_64))), true)
  assert.equal(sink.writeText("b"), true)
  assert.deepEqual(calls.splice(0), ["write a", "write é", `write ${KIB_64}`, "write b"])
  sink.close()
  sink.close()
  assert.equal(sink.writeText("late"), true)
  await ended
  assert.deepEqual(calls, ["end", "close"])
})

test("Bun 1.4: a server that takes no more makes the sink full until it has room", async () => {
  const { sink, calls, results, serve } = direct()
  const early = Promise.withResolvers<void>()
  const late = Promise.withResolvers<void>()
  sink.writeText("a")
  results.push(early.promise)
  void serve()
  await Promise.resolve()
  assert.deepEqual(calls.splice(0), ["write a"])
  early.resolve()
  await early.promise
  assert.deepEqual(calls.splice(0), ["drain"])
  results.push(late.promise)
  assert.equal(sink.writeText("b"), false)
  late.resolve()
  await late.promise
  assert.deepEqual(calls.splice(0), ["write b", "drain"])
  results.push(Promise.reject(new Error("the client has left")))
  assert.equal(sink.writeText("c"), false)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(calls, ["write c"])
})

test("Bun 1.4: before the response begins, a sink is full at 64 KiB", () => {
  for (const size of [KIB_64 - 1, KIB_64]) {
    const { sink, calls, serve } = direct()
    assert.equal(sink.writeText("x".repeat(size)), size < KIB_64)
    void serve()
    assert.deepEqual(calls, [`write ${size}`, ...(size < KIB_64 ? [] : ["drain"])])
  }
})

test("Bun 1.4: a program that reads the body gets each write at once, and 64 KiB for each read", () => {
  const { sink, client, calls, read } = direct()
  sink.writeText("early")
  assert.equal(read(), undefined)
  assert.deepEqual(calls.splice(0), ["write early", "flush"])
  assert.equal(read(), undefined)
  assert.equal(listenersOf(client.signal), 1)
  assert.equal(sink.writeText("a"), true)
  assert.equal(sink.writeText("x".repeat(KIB_64 - 1)), false)
  assert.deepEqual(calls.splice(0), ["write a", "flush", `write ${KIB_64 - 1}`, "flush"])
  void read()
  void read()
  assert.deepEqual(calls.splice(0), ["drain"])
  assert.equal(sink.writeText("x".repeat(KIB_64 - 1)), true)
  void read()
  assert.deepEqual(calls.splice(0), [`write ${KIB_64 - 1}`, "flush"], "it was not full")
  sink.close()
  assert.deepEqual(calls, ["end", "close"])
  assert.equal(listenersOf(client.signal), 0)
})

test("Bun 1.4: a stream that ended before its response began is complete", async () => {
  const { sink, calls, serve } = direct()
  sink.writeText("x".repeat(KIB_64))
  sink.close()
  await serve()
  assert.deepEqual(calls, ["close", `write ${KIB_64}`, "end"])
})

for (const isBegun of [true, false]) {
  test(`Bun 1.4: a stream that is dropped ${isBegun ? "after" : "before"} its response began fails it`, async () => {
    const { sink, calls, serve } = direct()
    const ended = isBegun ? serve() : undefined
    sink.writeText("a")
    sink.close({ abort: true })
    await assert.rejects(async () => ended ?? serve(), { name: "AbortError", message: "The client did not read." })
    assert.deepEqual(calls, isBegun ? ["write a", "close"] : ["close"])
  })
}

test("Bun 1.4: a client that disconnects closes the sink once", async () => {
  const reason = new Error("the client left")
  const { sink, client, calls, failures, read, cancel } = direct()
  void read()
  client.abort(reason)
  assert.deepEqual([calls, failures], [["close"], []], "a runtime that also cancels the body would log the error")
  cancel()
  await Promise.resolve()
  sink.close()
  assert.deepEqual([calls, failures], [["close"], [reason]])
  const served = direct()
  void served.serve()
  served.cancel()
  assert.equal(served.sink.writeText("late"), true)
  assert.deepEqual(served.calls, ["close"])
  const early = direct()
  early.client.abort(reason)
  await Promise.resolve()
  await assert.rejects(async () => early.serve(), reason)
})

test("direct streams are used from Bun 1.4 on", { skip: "Bun" in globalThis }, async () => {
  for (const [version, isUsed] of [
    ["0.9.0", false],
    ["1.3.11", false],
    ["1.4.0", true],
    ["1.10.0", true],
    ["2.0.0", true],
    ["10.0.0", true],
  ] as const) {
    Object.assign(globalThis, { Bun: { version } })
    const path = `../../src/web/direct-sink.ts?${version}`
    const { hasDirectStreams } = (await import(path)) as { hasDirectStreams: boolean }
    Reflect.deleteProperty(globalThis, "Bun")
    assert.equal(hasDirectStreams, isUsed, version)
  }
})
