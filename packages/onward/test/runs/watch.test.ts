import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog } from "../../src/log/index.ts"
import { createRuns, type RunItem, type RunObservation } from "../../src/runs/index.ts"
import { createClock } from "../../src/testing/index.ts"
import { faultyLog, unavailable } from "../hub/faulty-log.ts"
import { lines } from "./lines.ts"
import { itemsOf, textOf } from "./text-of.ts"

const whole = { ...lines, merge: () => undefined }

async function* told(...words: readonly string[]): AsyncGenerator<string> {
  yield* words
}

/** A source that yields a frame for each call of `say`. */
function spoken() {
  const { readable, writable } = new TransformStream<string, string>(undefined, undefined, { highWaterMark: 1_000 })
  const writer = writable.getWriter()
  return { readable, say: (word: string) => void writer.write(word), end: () => void writer.close() }
}

const DONE = { done: true, value: undefined }

const framesOf = (items: readonly RunItem<string>[]): unknown[] => items.map(({ frame, end }) => frame ?? end)

test("calls of next are answered in their order, and all others when the viewer leaves", async () => {
  const clock = createClock()
  await using runs = createRuns({ format: whole, clock })
  const { readable, say } = spoken()
  await runs.start("a", () => readable)
  const watch = runs.attach("a")
  const calls = [1, 2, 3, 4].map(() => watch.next())
  await clock.settle()
  say("a")
  say("b")
  await clock.pass(100)
  assert.deepEqual(
    (await Promise.all(calls.slice(0, 2))).map(({ value }) => value?.frame),
    ["a", "b"],
  )
  assert.deepEqual(await watch.return?.(), DONE)
  assert.deepEqual(await Promise.all(calls.slice(2)), [DONE, DONE])
  assert.deepEqual(await watch.next(), DONE)
  assert.equal(watch[Symbol.asyncIterator](), watch)
})

test("a viewer is told of once when it attaches, resumes and leaves, and leaves by its signal too", async () => {
  const clock = createClock()
  const events: unknown[] = []
  const observe = ({ type, owner }: RunObservation & { owner?: string }): void => void events.push([type, owner])
  await using runs = createRuns({ format: whole, clock, observe })
  const { readable, say } = spoken()
  await runs.start("a", () => readable, { owner: "ada" })
  events.length = 0
  const gone = new AbortController()
  const watch = runs.attach("a", { owner: "ada", signal: gone.signal })
  const first = watch.next()
  await clock.settle()
  assert.deepEqual(events, [["attach", "ada"]])
  say("a")
  await clock.pass(100)
  const { value } = await first
  const waiting = watch.next()
  await clock.settle()
  gone.abort()
  assert.equal((await waiting).done, true)
  await watch.return?.()
  assert.deepEqual(events.slice(1), [
    ["first", "ada"],
    ["leave", "ada"],
  ])
  events.length = 0
  const resumed = runs.attach("a", { owner: "ada", lastEventId: value?.id as string, signal: AbortSignal.abort() })
  assert.equal((await resumed.next()).done, true)
  assert.deepEqual(events, [
    ["resume", "ada"],
    ["leave", "ada"],
  ])
  // a viewer that leaves while its run is opened
  events.length = 0
  const early = runs.attach("a", { owner: "ada" })
  const never = early.next()
  await early.return?.()
  assert.equal((await never).done, true)
  assert.deepEqual(events, [
    ["attach", "ada"],
    ["leave", "ada"],
  ])
})

test("a run that cannot be opened fails the first call, and the others are over", async () => {
  const log = faultyLog()
  await using runs = createRuns({ log, format: whole, onError: () => {} })
  const unknown = runs.attach("a")
  await assert.rejects(unknown.next(), { code: "run_unknown" })
  assert.equal((await unknown.next()).done, true)
  log.failure = unavailable
  const away = runs.attach("a")
  await assert.rejects(away.next(), unavailable)
  log.failure = undefined
  assert.equal((await away.next()).done, true)
  await runs.start("a", () => told("a"))
  assert.equal(await textOf(runs.attach("a")), "a[completed]")
})

test("a run of thousands of frames is delivered whole, merged or one by one", async () => {
  const clock = createClock()
  await using runs = createRuns({ format: { ...lines }, clock })
  const words = Array.from({ length: 2_500 }, (_, n) => `${n} `)
  const { ended } = await runs.start("a", () => told(...words))
  await clock.pass(1_000)
  await ended()
  assert.equal(await textOf(runs.attach("a")), `${words.join("")}[completed]`)

  await using exact = createRuns({ format: whole, clock })
  const other = await exact.start("a", () => told(...words))
  await clock.pass(1_000)
  await other.ended()
  const items = await itemsOf(exact.attach("a"))
  assert.deepEqual(framesOf(items), [...words, "[completed]", "completed"])
  const ids = items.map(({ id }) => id)
  assert.equal(new Set(ids.slice(0, -1)).size, 2_501, "each frame has an id of its own")
  assert.equal(ids.at(-1), ids.at(-2))
  // in the middle of a record
  const at = 1_234
  const rest = await itemsOf(exact.attach("a", { lastEventId: ids[at] as string }))
  assert.deepEqual(framesOf(rest), [...words.slice(at + 1), "[completed]", "completed"])
})

test("a late viewer receives the frames of several records as one, with the id of the last, unless it asks for each", async () => {
  const clock = createClock()
  await using runs = createRuns({ format: lines, clock, flush: { maxChars: 1 } })
  const { readable, say, end } = spoken()
  await runs.start("a", () => readable)
  for (const word of ["Once ", "upon ", "a ", "time"]) {
    say(word)
    await clock.settle()
  }
  end()
  await clock.pass(100)
  const each = await itemsOf(runs.attach("a", { merge: false }))
  assert.deepEqual(framesOf(each), ["Once ", "upon ", "a ", "time", "[completed]", "completed"])
  const all = await itemsOf(runs.attach("a"))
  assert.deepEqual(framesOf(all), ["Once upon a time", "[completed]", "completed"])
  assert.equal(all[0]?.id, each[3]?.id)
})

test("ids of other runs, of no run, and of no frame are refused", async () => {
  const clock = createClock()
  await using runs = createRuns({ format: whole, clock })
  for (const id of ["a", "b"]) await runs.start(id, () => told("a", "b", "c"))
  await clock.pass(1_000)
  const { lastEventId } = await runs.status("a")
  const [first, second] = await itemsOf(runs.attach("a"))
  for (const id of ["", "x", ".1", `${lastEventId}x`, `${second?.id}x`, `${first?.id}.1234567`, "life0000~11"]) {
    await assert.rejects(itemsOf(runs.attach("a", { lastEventId: id })), { code: "invalid_start" }, id)
    await assert.rejects(itemsOf(runs.attach("b", { lastEventId: lastEventId as string })), { code: "invalid_start" })
  }
  for (const id of [undefined, "earliest"]) {
    const items = await itemsOf(runs.attach("a", { ...(id !== undefined && { lastEventId: id }) }))
    assert.deepEqual(framesOf(items), ["a", "b", "c", "[completed]", "completed"])
  }
  // the end is told also to a viewer that has it
  const again = await itemsOf(runs.attach("a", { lastEventId: lastEventId as string }))
  assert.deepEqual(again, [{ end: "completed", id: lastEventId }])
})

test("a viewer that has everything gets 204, also in a format whose end has several frames", async () => {
  const clock = createClock()
  const long = {
    ...whole,
    name: "long",
    reader: () => ({ ...whole.reader(), end: () => ["bye", "[end]"] }),
    writer: () => (part: { type: string; delta?: string }) =>
      part.type === "text" ? [part.delta ?? ""] : part.type === "end" ? ["bye", "[end]"] : [],
  }
  const log = memoryLog({ clock })
  await using runs = createRuns({ log, format: whole, formats: [long as never], clock })
  await runs.start("a", () => told("a", "b"))
  await clock.pass(1_000)
  for (const format of ["lines", "long"]) {
    const items = await itemsOf(runs.attach("a", { format }))
    const frames = framesOf(items).slice(0, -1)
    for (const [at, { id }] of items.slice(0, -1).entries()) {
      const { open } = runs.source("a", { format })
      const stream = await open({ lastEventId: id, signal: new AbortController().signal })
      const rest: unknown[] = []
      for await (const { data } of (stream ?? []) as AsyncIterable<{ data: string }>) rest.push(JSON.parse(data))
      assert.deepEqual(rest, frames.slice(at + 1), `${format} after ${at}`)
      assert.equal(stream === undefined, at === frames.length - 1, `${format} after ${at}`)
    }
  }
})

test("over HTTP a run's state has its last id, and an unavailable store is 503 and reported", async () => {
  const clock = createClock()
  const log = faultyLog(memoryLog({ clock }))
  const errors: unknown[] = []
  await using runs = createRuns({ log, format: whole, clock, onError: (error) => errors.push(error) })
  await runs.start("a", () => told("a"))
  await clock.pass(1_000)
  const ask = (method: string, id: string) => runs.respond(new Request("http://localhost/", { method }), id)
  const { headers, status, body } = await ask("HEAD", "a")
  const state = await runs.status("a")
  assert.deepEqual(
    [status, body, headers.get("onward-run-status"), headers.get("onward-run-last-id"), headers.get("cache-control")],
    [200, null, "completed", state.lastEventId, "no-store"],
  )
  const none = await ask("HEAD", "b")
  assert.deepEqual([none.status, none.headers.get("onward-run-last-id")], [404, null])
  const stopped = await ask("DELETE", "a")
  assert.equal(stopped.headers.get("content-type"), "application/json")
  assert.deepEqual(await stopped.json(), { status: "completed", outcome: "already-ended" })
  const other = await ask("PATCH", "a")
  assert.equal(other.status, 405)
  assert.match(other.headers.get("allow") ?? "", /\bDELETE\b.*\bOPTIONS\b/)
  assert.deepEqual(errors, [])
  log.failure = unavailable
  for (const method of ["HEAD", "DELETE"]) {
    const away = await ask(method, "c")
    assert.deepEqual([away.status, away.headers.get("retry-after"), await away.text()], [503, "1", ""])
  }
  assert.deepEqual(errors, [unavailable, unavailable])
  log.failure = undefined
})
