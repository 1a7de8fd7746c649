import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { sse } from "../../src/node/index.ts"
import { createRuns, type RunObservation } from "../../src/runs/index.ts"
import { connect, createClock } from "../../src/testing/index.ts"
import { faultyLog, unavailable } from "../hub/faulty-log.ts"
import { lines } from "./lines.ts"
import { textOf } from "./text-of.ts"

/** A run that says a word whenever time has passed. */
function slow(clock: { after(delay: number, run: () => void): void }) {
  return async function* (): AsyncGenerator<string> {
    for (const word of ["Once ", "upon ", "a ", "time"]) {
      yield word
      await new Promise<void>((resolve) => clock.after(1_000, resolve))
    }
  }
}

const told = (events: readonly { data: string }[]): string =>
  events.map(({ data }) => JSON.parse(data) as string).join("")

for (const requireStored of [false, true]) {
  test(`${requireStored ? "requireStored" : "by default"}: a store that is unavailable for a while only delays a run`, async () => {
    const clock = createClock()
    const log = faultyLog()
    const errors: unknown[] = []
    await using runs = createRuns({ log, format: lines, clock, requireStored, onError: (error) => errors.push(error) })
    await runs.start("a", slow(clock))
    const reader = await connect((req, res) => sse(req, res, runs.source("a")))
    assert.equal(told(reader.events), "Once ")
    log.failure = unavailable
    await clock.pass(1_500)
    // those in the producer's process go on, without an id to carry on from
    assert.equal(told(reader.events), requireStored ? "Once " : "Once upon ")
    assert.equal(reader.events.at(-1)?.id, reader.events[0]?.id)
    log.failure = undefined
    await clock.pass(10_000)
    await reader.closed()
    assert.equal(told(reader.events), "Once upon a time[completed]")
    assert.equal(await textOf(runs.attach("a")), "Once upon a time[completed]")
    assert.deepEqual(errors, [unavailable])
  })
}

test("a store that stays unavailable ends the run for viewers here, as failed, and aborts its source", async () => {
  const clock = createClock()
  const log = faultyLog()
  const events: RunObservation[] = []
  const runs = createRuns({ log, format: lines, clock, onError: () => {}, observe: (event) => events.push(event) })
  let isAborted = false
  await runs.start("a", async function* ({ signal }) {
    signal.addEventListener("abort", () => (isAborted = true))
    yield "Once "
    await new Promise<void>((resolve) => clock.after(1_000, resolve))
    yield "upon "
    await new Promise(() => {})
  })
  const watching = textOf(runs.attach("a"))
  await clock.settle()
  log.failure = unavailable
  await clock.pass(60_000)
  assert.equal(await watching, "Once upon [failed log_unavailable]")
  assert.equal(isAborted, true)
  assert.ok(events.some((event) => event.type === "end" && event.status === "failed"))
  await assert.rejects(runs.status("b"), { code: "log_unavailable" })
  await assert.rejects(runs.start("b", slow(clock)), { code: "log_unavailable" })
  const refused = await connect((req, res) => sse(req, res, runs.source("b")))
  assert.equal(refused.status, 503)
  log.failure = undefined
  await runs.close()
})

test("an append that was stored although it failed is not delivered twice", async () => {
  const clock = createClock()
  const log = faultyLog()
  const { append } = log
  let isAnswerLost = false
  log.append = async (messages) => {
    const appended = await append(messages)
    if (isAnswerLost) throw unavailable
    return appended
  }
  await using runs = createRuns({ log, format: lines, clock, onError: () => {} })
  await using elsewhere = createRuns({ log, format: lines, clock })
  await runs.start("a", slow(clock))
  const watching = Promise.all([runs, elsewhere].map((each) => textOf(each.attach("a"))))
  await clock.pass(500)
  isAnswerLost = true
  await clock.pass(1_000)
  isAnswerLost = false
  await clock.pass(20_000)
  assert.deepEqual(await watching, ["Once upon a time[completed]", "Once upon a time[completed]"])
})

test("a start that failed although it was stored starts when it is repeated", async () => {
  const clock = createClock()
  const log = faultyLog()
  const { append } = log
  log.append = async (messages) => {
    await append(messages)
    log.failure = unavailable
    throw unavailable
  }
  await using runs = createRuns({ log, format: lines, clock })
  await assert.rejects(runs.start("a", slow(clock)), { code: "log_unavailable" })
  log.append = append
  log.failure = undefined
  assert.equal((await runs.start("a", slow(clock))).isNew, true)
  assert.equal((await runs.start("a", slow(clock))).isNew, false)
  const watching = textOf(runs.attach("a"))
  await clock.pass(10_000)
  assert.equal(await watching, "Once upon a time[completed]")
})

test("a process that cannot read the log marks no producer lost", async () => {
  const clock = createClock()
  const frozen = createClock()
  const log = faultyLog()
  await using one = createRuns({ log: { ...log, close: async () => {} }, format: lines, clock: frozen })
  await using two = createRuns({ log, format: lines, clock, onError: () => {} })
  await one.start("a", slow(frozen))
  const watching = textOf(two.attach("a"))
  await clock.settle()
  log.failure = unavailable
  await clock.pass(60_000)
  log.failure = undefined
  assert.equal((await two.status("a")).status, "running")
  await frozen.pass(10_000)
  await clock.settle()
  assert.equal(await watching, "Once upon a time[completed]")
})

test("a run that exceeds its duration or its size ends as failed", async () => {
  const clock = createClock()
  await using runs = createRuns({ format: lines, clock, maxDuration: 2_500, maxChars: 20, onError: () => {} })
  await runs.start("a", slow(clock))
  await runs.start("b", async function* () {
    for (;;) {
      yield "more "
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
  assert.equal(await textOf(runs.attach("b")), "more more more [failed message_too_large]")
  await clock.pass(5_000)
  assert.equal(await textOf(runs.attach("a")), "Once upon a [failed run_too_long]")
})

test("a server that closes ends its runs for viewers at other servers", async () => {
  const clock = createClock()
  const log = faultyLog()
  const one = createRuns({ log: { ...log, close: async () => {} }, format: lines, clock })
  await using two = createRuns({ log, format: lines, clock })
  await one.start("a", slow(clock))
  const watching = textOf(two.attach("a"))
  await clock.pass(1_500)
  await one.close()
  assert.equal(await watching, "Once upon [failed hub_closed]")
  await assert.rejects(one.start("b", slow(clock)), { code: "hub_closed" })
})

test("a server that closes while its store is unavailable waits two seconds for it, then ends the runs of viewers here", async () => {
  const clock = createClock()
  const shared = memoryLog({ clock })
  const log = faultyLog({ ...shared, close: async () => {} })
  const closing = createRuns({ log, format: lines, clock, onError: () => {} })
  await using elsewhere = createRuns({ log: shared, format: lines, clock })
  await closing.start("a", slow(clock))
  const here = textOf(closing.attach("a"))
  const there = textOf(elsewhere.attach("a"))
  await clock.pass(500)
  log.failure = unavailable
  let isClosed = false
  void closing.close().then(() => (isClosed = true))
  await clock.pass(1_900)
  assert.equal(isClosed, false)
  await clock.pass(200)
  assert.equal(isClosed, true)
  assert.equal(await here, "Once [failed hub_closed]")
  await clock.pass(20_000)
  assert.equal(await there, "Once [lost producer_lost]")
})

test("a server that closes does not wait for a store that never responds", async () => {
  const clock = createClock()
  const inner = memoryLog({ clock })
  let isSilent = false
  const log = {
    ...inner,
    append: (messages) => (isSilent ? new Promise(() => {}) : inner.append(messages)),
  } satisfies Log
  const runs = createRuns({ log, format: lines, clock })
  await runs.start("a", slow(clock))
  const watching = textOf(runs.attach("a"))
  await clock.pass(500)
  isSilent = true
  const closing = runs.close()
  await clock.pass(2_100)
  await closing
  assert.equal(await watching, "Once [failed hub_closed]")
})

test("the end has the speed of the run and the number of viewers", async () => {
  const clock = createClock()
  const events: RunObservation[] = []
  const failure = new Error("no such counter")
  const errors: unknown[] = []
  await using runs = createRuns({
    format: lines,
    clock,
    onError: (error) => errors.push(error),
    observe(event) {
      events.push(event)
      if (event.type === "end") throw failure
    },
  })
  await runs.start("a", slow(clock))
  const watching = textOf(runs.attach("a"))
  await clock.pass(10_000)
  await watching
  const { metrics, status, lastEventId } = await runs.status("a")
  assert.equal(status, "completed")
  assert.ok(lastEventId)
  const { ttft, duration, tokens, counted, rate, gaps, viewers, resumes } = metrics ?? {}
  assert.deepEqual(
    { ttft, duration, tokens, counted, rate, gaps, viewers, resumes },
    {
      ttft: 0,
      duration: 4_000,
      tokens: 4,
      counted: "frames",
      rate: 1.3,
      gaps: { p50: 1_000, p95: 1_000, p99: 1_000 },
      viewers: 1,
      resumes: 0,
    },
  )
  assert.deepEqual(
    events.map(({ type }) => type).filter((type) => type !== "leave" && type !== "attach"),
    ["start", "first", "end"],
  )
  assert.deepEqual(errors, [failure])
})

test("the number of viewers includes those of other processes", async () => {
  const clock = createClock()
  const shared = memoryLog({ clock })
  const open = () => createRuns({ log: { ...shared, close: async () => {} }, format: lines, clock })
  await using one = open()
  await using two = open()
  await one.start("a", slow(clock))
  const watching = Promise.all([one, two, two].map((runs) => textOf(runs.attach("a"))))
  await clock.pass(500)
  const { lastEventId } = await two.status("a")
  const resuming = textOf(two.attach("a", { lastEventId: lastEventId as string }))
  await clock.pass(10_000)
  await Promise.all([watching, resuming])
  const { metrics } = await two.status("a")
  assert.deepEqual([metrics?.viewers, metrics?.resumes], [4, 1])
  const records = (await shared.read({ after: (await shared.bounds()).first, limit: 100 })).entries
  assert.equal(records.filter(({ event }) => event === "run.seen").length, 1, "who comes together is told together")
})

test("viewers that connect and disconnect do not renew the lease of a lost producer", async () => {
  const clock = createClock()
  const shared = memoryLog({ clock })
  const open = (its: typeof clock) =>
    createRuns({ log: { ...shared, close: async () => {} }, format: lines, clock: its })
  // its time stands still
  await using one = open(createClock())
  await using two = open(clock)
  await using three = open(clock)
  await one.start("a", slow(createClock()))
  const watching = textOf(two.attach("a"))
  for (let seconds = 0; seconds < 20; seconds += 2) {
    const passing = three.attach("a")
    await passing.next()
    await passing.return?.()
    await clock.pass(2_000)
  }
  assert.equal(await watching, "Once [lost producer_lost]")
})
