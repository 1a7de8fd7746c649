import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { getEventListeners } from "node:events"
import { test } from "node:test"
import { promisify } from "node:util"
import { createHub } from "onward"
import { sse, type Source } from "onward/web"
import { eventually } from "./exchange.ts"

const ask = (init?: RequestInit): Request =>
  new Request("http://localhost/", { signal: new AbortController().signal, ...init })

const listeners = (request: Request): number => getEventListeners(request.signal, "abort").length

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
