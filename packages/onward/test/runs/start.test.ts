import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub, defineEvents } from "../../src/index.ts"
import { memoryLog } from "../../src/log/index.ts"
import { createRuns } from "../../src/runs/index.ts"
import { connect, createClock } from "../../src/testing/index.ts"
import { lines } from "./lines.ts"

const words = ["Once ", "upon ", "a ", "time"]

async function* told(): AsyncGenerator<string> {
  for (const word of words) {
    await new Promise((resolve) => setImmediate(resolve))
    yield word
  }
}

const textOf = async (items: AsyncIterable<{ frame?: string; end?: string }>): Promise<string> => {
  let text = ""
  for await (const { frame, end } of items) text += end === undefined ? frame : ""
  return text
}

test("a run is read from its beginning to its end", async () => {
  await using runs = createRuns({ format: lines })
  const { isNew, ended } = await runs.start("a", told)
  assert.equal(isNew, true)
  assert.equal(await textOf(runs.attach("a")), "Once upon a time[completed]")
  const state = await ended()
  assert.equal(state.status, "completed")
  assert.equal(state.metrics?.tokens, 4)
  // and again, once it is over
  assert.equal(await textOf(runs.attach("a")), "Once upon a time[completed]")
})

test("starting a run twice starts it once, and both callers read it", async () => {
  const log = memoryLog()
  await using one = createRuns({ log, format: lines })
  await using two = createRuns({ log, format: lines })
  let started = 0
  const source = () => (started++, told())
  const both = await Promise.all([one.start("a", source), two.start("a", source), one.start("a", source)])
  assert.equal(both.filter(({ isNew }) => isNew).length, 1)
  assert.equal(started, 1)
  assert.deepEqual(await Promise.all([textOf(one.attach("a")), textOf(two.attach("a"))]), [
    "Once upon a time[completed]",
    "Once upon a time[completed]",
  ])
})

test("a fetch handler responds with the run, and a client that reconnects after its end gets 204", async () => {
  await using runs = createRuns({ format: lines })
  await runs.start("a", told)
  const handler = { fetch: (request: Request) => runs.respond(request, "a") }
  const reader = await connect(handler)
  await reader.closed()
  assert.equal(reader.events.map(({ data }) => JSON.parse(data) as string).join(""), "Once upon a time[completed]")
  const last = reader.events.at(-1)?.id ?? ""
  const again = await connect(handler, { lastEventId: last })
  assert.equal(again.status, 204)
})

test("a producer that is silent for minutes, but running, is not lost", async () => {
  const clock = createClock()
  const log = memoryLog({ clock })
  await using one = createRuns({ log, format: lines, clock })
  await using two = createRuns({ log, format: lines, clock })
  let say: (() => void) | undefined
  await one.start("a", async function* () {
    yield "Once "
    await new Promise<void>((resolve) => (say = resolve))
    yield "more"
  })
  const watching = textOf(two.attach("a"))
  await clock.pass(300_000)
  say?.()
  await clock.pass(1_000)
  assert.equal(await watching, "Once more[completed]")
})

test("a silent producer has its whole lease and hardly more, also when the wall clock changes", async () => {
  for (const [silentFor, step] of [
    [0, 0],
    [1_234, -3_600_000],
    [2_499, 24 * 3_600_000],
    [7_000, -600_000],
  ] as const) {
    const clock = createClock()
    const log = memoryLog({ clock })
    const frozen = createClock()
    await using one = createRuns({ log, format: lines, clock: frozen })
    await using two = createRuns({ log, format: lines, clock, lease: 10_000 })
    let say: (() => void) | undefined
    await one.start("a", async function* () {
      yield "Once "
      await new Promise<void>((resolve) => (say = resolve))
      yield "more"
      await new Promise(() => {})
    })
    let text: string | undefined
    void textOf(two.attach("a")).then((all) => (text = all))
    await clock.pass(silentFor)
    say?.()
    // what it waits with for more; a sign of life is further away
    await frozen.pass(20)
    clock.setTime(clock.now() + step)
    await clock.pass(9_999)
    assert.equal(text, undefined, "not before its lease is over")
    await clock.pass(502)
    assert.equal(text, "Once more[lost producer_lost]")
  }
})

test("a run without viewers is marked lost after at most three leases", async () => {
  for (let offset = 0; offset < 10_000; offset += 1_700) {
    const clock = createClock()
    const log = memoryLog({ clock })
    await using one = createRuns({ log, format: lines, clock: createClock() })
    await using two = createRuns({ log, format: lines, clock, lease: 10_000 })
    await clock.pass(offset)
    await one.start("a", async function* () {
      yield "Once "
      await new Promise(() => {})
    })
    await clock.pass(31_000)
    const { entries } = await log.read({ after: (await log.bounds()).first, limit: 100 })
    assert.equal(entries.at(-1)?.event, "run.end")
    assert.equal((await two.status("a")).status, "lost")
  }
})

test("a blocked producer is marked lost by viewers, and writes nothing when it continues", async () => {
  const frozen = createClock()
  const clock = createClock()
  const log = memoryLog({ clock })
  await using one = createRuns({ log, format: lines, clock: frozen })
  await using two = createRuns({ log, format: lines, clock })
  let say: (() => void) | undefined
  let isAborted = false
  await one.start("a", async function* ({ signal }) {
    signal.addEventListener("abort", () => (isAborted = true))
    yield "Once "
    await new Promise<void>((resolve) => (say = resolve))
    yield "more"
  })
  const watching = textOf(two.attach("a"))
  await clock.pass(15_000)
  assert.equal(await watching, "Once [lost producer_lost]")
  say?.()
  await frozen.pass(60_000)
  assert.equal(await textOf(two.attach("a")), "Once [lost producer_lost]")
  assert.equal(await textOf(one.attach("a")), "Once [lost producer_lost]")
  assert.equal(isAborted, true)
})

test("runs share a hub with other topics, and leave it open", async () => {
  const tick = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const
  await using hub = createHub({ events: defineEvents({ tick }) })
  const runs = createRuns({ hub, format: lines })
  await runs.start("a", told)
  assert.equal(await textOf(runs.attach("a")), "Once upon a time[completed]")
  await runs.close()
  assert.match(await hub.publish({ topic: "news", event: "tick", data: 1 }), /~/)
  assert.throws(() => createRuns({ hub: {} as typeof hub, format: lines }), TypeError)
  assert.throws(() => createRuns({ hub, log: memoryLog(), format: lines }), TypeError)
})

test("a lost run is detected also without viewers", async () => {
  const clock = createClock()
  const log = memoryLog({ clock })
  await using one = createRuns({ log, format: lines, clock: createClock() })
  await using _two = createRuns({ log, format: lines, clock })
  await one.start("a", async function* () {
    yield "Once "
    await new Promise(() => {})
  })
  await clock.pass(70_000)
  assert.equal((await one.status("a")).status, "lost")
})

test("a stop from another process ends the run for all viewers, and aborts its source", async () => {
  const log = memoryLog()
  await using one = createRuns({ log, format: lines })
  await using two = createRuns({ log, format: lines })
  const told = Promise.withResolvers<void>()
  await one.start("a", async function* ({ signal }) {
    signal.addEventListener("abort", () => told.resolve())
    yield "Once "
    await new Promise(() => {})
  })
  const watching = textOf(one.attach("a"))
  assert.equal(await two.stop("a"), "stopped")
  assert.equal(await watching, "Once [stopped]")
  await told.promise
  assert.equal(await one.stop("a"), "already-ended")
  assert.equal(await one.stop("b"), "unknown")
})

test("a run with an owner is unknown to other owners", async () => {
  await using runs = createRuns({ format: lines })
  await runs.start("a", told, { owner: "ada" })
  assert.equal((await runs.status("a")).status, "unknown")
  assert.equal(await runs.stop("a", { owner: "eve" }), "unknown")
  await assert.rejects(textOf(runs.attach("a", { owner: "eve" })), { code: "run_unknown" })
  const reader = await connect({ fetch: (request) => runs.respond(request, "a", { owner: "eve" }) })
  assert.equal(reader.status, 404)
  assert.equal(await textOf(runs.attach("a", { owner: "ada" })), "Once upon a time[completed]")
})
