import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { createHub } from "../../src/hub/index.ts"
import { memoryLog } from "../../src/log/index.ts"
import { createResumableStreamContext, type ResumableStreamContext } from "../../src/resumable-stream/index.ts"
import { createClock } from "../../src/testing/index.ts"
import { stores } from "../runs/stores.ts"
import { all, createPen, expected, program } from "./program.ts"

for (const store of stores) {
  const skip = store.missing ?? false
  const open = async (t: TestContext): Promise<[here: ResumableStreamContext, there: ResumableStreamContext]> => {
    const contexts: ResumableStreamContext[] = []
    // before the store is opened, because hooks run in the order of their calls, and a context that closes uses its log
    t.after(() => Promise.all(contexts.map((context) => context.close())))
    const log = await store.open(t)
    const context = (): ResumableStreamContext => createResumableStreamContext({ log: log(), onError() {} })
    contexts.push(context(), context())
    return contexts as [ResumableStreamContext, ResumableStreamContext]
  }

  for (const [i, [name, part]] of Object.entries(program).entries()) {
    test(`${store.name}: ${name}`, { skip }, async (t) => {
      assert.deepEqual(await part(...(await open(t))), expected[i])
    })
  }

  test(
    `${store.name}: a stream that is stopped elsewhere ends for all readers, and its source is cancelled`,
    { skip },
    async (t) => {
      const [here, there] = await open(t)
      const cancelled = Promise.withResolvers<void>()
      const stream = await here.resumableStream(
        "stopped",
        () => new ReadableStream({ start: (its) => its.enqueue("so far"), cancel: () => cancelled.resolve() }),
      )
      assert.ok(stream)
      const reader = stream.getReader()
      assert.deepEqual(await reader.read(), { done: false, value: "so far" })
      const joined = await there.resumeExistingStream("stopped")
      assert.equal(await there.stopStream("stopped"), "stopped")
      assert.deepEqual(await reader.read(), { done: true, value: undefined })
      assert.equal(await all(joined), "so far")
      await cancelled.promise
      assert.equal(await here.stopStream("stopped"), "already-ended")
      assert.equal(await here.stopStream("never"), "unknown")
    },
  )

  test(
    `${store.name}: a stream whose source fails fails for all readers, after its last chunk`,
    { skip },
    async (t) => {
      const [here, there] = await open(t)
      const pen = createPen("so far")
      const stream = await here.resumableStream("failing", pen.make)
      const joined = await there.resumeExistingStream("failing")
      const reader = stream?.getReader()
      assert.equal((await reader?.read())?.value, "so far")
      pen.fail(new Error("the model's secret"))
      await assert.rejects(reader?.read() ?? Promise.resolve(), (error: Error) => {
        assert.doesNotMatch(error.message, /secret/)
        return "code" in error && error.code === "source_failed"
      })
      await assert.rejects(all(joined), { code: "source_failed" })
      assert.equal(await there.hasExistingStream("failing"), "DONE")
    },
  )

  test(`${store.name}: a stream whose process closes does not count as complete`, { skip }, async (t) => {
    const [here, there] = await open(t)
    await here.resumableStream("closed", createPen("so far").make)
    const joined = await there.resumeExistingStream("closed")
    await here.close()
    await assert.rejects(all(joined), { code: "source_failed" })
  })
}

test("a stream whose process is frozen or killed fails for its readers after its lease", async (t) => {
  const log = { ...memoryLog(), close: async () => {} }
  const clock = createClock()
  const gone = createResumableStreamContext({ log, clock: createClock() })
  const there = createResumableStreamContext({ log, clock, lease: 9_000 })
  t.after(() => Promise.all([gone.close(), there.close()]))
  await gone.resumableStream("gone", createPen("so far").make)
  const joined = all((await there.resumeExistingStream("gone")) ?? null)
  const failure = assert.rejects(joined, { code: "source_failed" })
  for (let passed = 0; passed < 20_000; passed += 1_000) await clock.pass(1_000)
  await failure
  assert.equal(await there.hasExistingStream("gone"), "DONE")
})

test("a finished stream is forgotten after `retention`, and not created again while the log has it", async (t) => {
  const clock = createClock()
  const context = createResumableStreamContext({ clock, retention: 60_000 })
  t.after(() => context.close())
  const pen = createPen("text")
  const stream = await context.resumableStream("id", pen.make)
  pen.end()
  await clock.settle()
  assert.equal(await all(stream), "text")
  await clock.pass(59_000)
  assert.equal(await all(await context.resumeExistingStream("id")), "text")
  await clock.pass(2_000)
  assert.equal(await context.hasExistingStream("id"), null)
  assert.equal(await context.resumeExistingStream("id"), undefined)
  await assert.rejects(context.resumableStream("id", pen.make), { code: "run_expired" })
})

test("streams are stored in a hub's log, beside its topics", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  const context = createResumableStreamContext({ hub })
  const pen = createPen("text")
  const stream = await context.resumableStream("id", pen.make)
  pen.end()
  assert.equal(await all(stream), "text")
  await context.close()
  assert.match(await hub.publish({ topic: "news" }), /~/)
})

test("waitUntil receives a promise that is pending while the stream is written", async (t) => {
  const waits: Promise<unknown>[] = []
  const context = createResumableStreamContext({ waitUntil: (wait) => void waits.push(wait) })
  t.after(() => context.close())
  const pen = createPen("text")
  const stream = await context.resumableStream("id", pen.make)
  assert.equal(waits.length, 1)
  pen.end()
  await waits[0]
  assert.equal(await context.hasExistingStream("id"), "DONE")
  assert.equal(await all(stream), "text")
})

test("a chunk that is not text fails the stream", async (t) => {
  const errors: unknown[] = []
  const context = createResumableStreamContext({ onError: (error) => errors.push(error) })
  t.after(() => context.close())
  const bytes = new ReadableStream({ start: (its) => its.enqueue(new Uint8Array([1])) })
  const stream = await context.resumableStream("id", () => bytes as ReadableStream<string>)
  await assert.rejects(all(stream), { code: "source_failed" })
  assert.match(String(errors[0]), /TextDecoderStream/)
})

test("unknown options are refused by name", () => {
  const options = { publisher: {} } as object
  assert.throws(() => createResumableStreamContext(options), /publisher/)
})
