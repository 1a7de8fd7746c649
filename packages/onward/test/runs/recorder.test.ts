import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { createRuns } from "../../src/runs/index.ts"
import { createClock, type TestClock } from "../../src/testing/index.ts"
import { faultyLog, unavailable } from "../hub/faulty-log.ts"
import { lines } from "./lines.ts"
import { textOf } from "./text-of.ts"

const whole = { ...lines, merge: () => undefined }

const recordsOf = async (log: Log): Promise<string[]> => {
  const { entries } = await log.read({ after: (await log.bounds()).first, limit: 5_000 })
  return entries.map(({ event }) => event ?? "")
}

/** A source that yields what it is given, and then waits. */
function source(...first: readonly string[]) {
  const waiting = [...first]
  let wake = (): void => {}
  const state = { taken: 0 }
  return {
    state,
    say(...words: readonly string[]) {
      waiting.push(...words)
      wake()
    },
    async *frames(): AsyncGenerator<string> {
      for (;;) {
        const word = waiting.shift()
        if (word === undefined) await new Promise<void>((resolve) => (wake = resolve))
        else {
          state.taken++
          yield word
        }
      }
    },
  }
}

test("a silent producer writes three times per lease, and a producer that writes needs no other sign", async () => {
  const clock = createClock()
  const log = memoryLog({ clock })
  const runs = createRuns({ log, format: lines, clock, lease: 9_000 })
  const { frames, say } = source()
  await runs.start("a", frames)
  const beats = async (): Promise<number> => (await recordsOf(log)).filter((event) => event === "run.beat").length
  await clock.pass(2_999)
  assert.equal(await beats(), 0)
  await clock.pass(1)
  assert.equal(await beats(), 1)
  await clock.pass(6_000)
  assert.equal(await beats(), 3)
  for (let second = 0; second < 9; second++) {
    say("a ")
    await clock.pass(1_000)
  }
  assert.equal(await beats(), 3)
  await clock.pass(6_000)
  assert.equal(await beats(), 5)
  await runs.stop("a")
  await clock.pass(60_000)
  assert.equal(await beats(), 5)
  await runs.close()
  assert.equal(clock.timers, 0)
})

test("while the store is unavailable, a record is tried after 0.1, 0.2, 0.4, 0.8, 1.6 s, and then every 2 s", async () => {
  const clock = createClock()
  const log = faultyLog(memoryLog({ clock }))
  const { append } = log
  const at: number[] = []
  let began = 0
  log.append = (messages) => {
    at.push(clock.monotonic() - began)
    return append(messages)
  }
  const errors: unknown[] = []
  const runs = createRuns({ log, format: lines, clock, storeTimeout: 9_100, onError: (error) => errors.push(error) })
  const { frames, say } = source("Once ")
  await runs.start("a", frames)
  await clock.pass(1_000)
  log.failure = unavailable
  began = clock.monotonic()
  at.length = 0
  say("upon ")
  await clock.pass(20)
  began = clock.monotonic()
  at[0] = 0
  await clock.pass(20_000)
  assert.deepEqual(at, [0, 100, 300, 700, 1_500, 3_100, 5_100, 7_100, 9_100])
  assert.deepEqual(errors, [unavailable, unavailable])
  log.failure = undefined
  await runs.close()
})

test("a store that is back in time is retried from 0.1 s at the next failure", async () => {
  const clock = createClock()
  const log = faultyLog(memoryLog({ clock }))
  const { append } = log
  const at: number[] = []
  log.append = (messages) => {
    at.push(clock.monotonic())
    return append(messages)
  }
  const runs = createRuns({ log, format: lines, clock, storeTimeout: 3_000, onError: () => {} })
  const { frames, say } = source("Once ")
  await runs.start("a", frames)
  for (let round = 0; round < 3; round++) {
    await clock.pass(1_000)
    log.failure = unavailable
    say("more ")
    await clock.pass(20)
    const first = at.at(-1) as number
    at.length = 0
    await clock.pass(1_480)
    assert.deepEqual(
      at.map((time) => time - first),
      [100, 300, 700],
    )
    log.failure = undefined
    await clock.pass(20)
  }
  assert.equal((await runs.status("a")).status, "running")
  await runs.close()
})

test("a source waits while 1,048,576 characters wait for the store", async () => {
  const clock = createClock()
  const inner = memoryLog({ clock })
  let release: (() => void) | undefined
  const log: Log = {
    ...inner,
    async append(messages) {
      if (messages.some(({ event }) => event === "run.delta")) await new Promise<void>((resolve) => (release = resolve))
      return inner.append(messages)
    },
  }
  const runs = createRuns({ log, format: whole, clock })
  // a frame is its text and two quotes, and counts 64 more while it waits
  const { frames, state } = source("x".repeat(1_022), ...Array<string>(2_000).fill("x".repeat(1_024 - 64 - 2)))
  await runs.start("a", frames)
  await clock.pass(1_000)
  assert.equal(state.taken, 1_024)
  release?.()
  await clock.pass(1_000)
  assert.ok(state.taken > 1_024)
  const stopping = runs.stop("a")
  for (let turn = 0; turn < 10; turn++) {
    release?.()
    await clock.pass(1_000)
  }
  assert.equal(await stopping, "stopped")
  await runs.close()
})

test("text is stored once 4,096 characters wait, without a wait for the interval", async () => {
  for (const [length, stored] of [
    [2_048 - 64 - 2, 2],
    [2_047 - 64 - 2, 1],
  ] as const) {
    const clock = createClock()
    const log = memoryLog({ clock })
    const runs = createRuns({ log, format: whole, clock, flush: { interval: 500 } })
    const { frames } = source("Once ", "x".repeat(length), "x".repeat(length))
    await runs.start("a", frames)
    await clock.settle()
    assert.equal((await recordsOf(log)).filter((event) => event === "run.delta").length, stored)
    await clock.pass(500)
    assert.equal((await recordsOf(log)).filter((event) => event === "run.delta").length, 2)
    await runs.close()
  }
})

test("a frame without data is not stored, and sizes are counted once", async () => {
  const clock = createClock()
  const empty = { ...lines, encode: (frame: string) => ({ data: frame === "" ? "" : JSON.stringify(frame) }) }
  const log = memoryLog({ clock })
  await using runs = createRuns({ log, format: empty, clock })
  const { ended } = await runs.start("a", async function* () {
    for (const word of ["Once ", "", "upon ", "a ", "time"]) yield word
  })
  await clock.pass(100)
  const { metrics } = await ended()
  // 7 for the first, and for the others 7 with 2 and 4 of text
  assert.deepEqual([metrics?.raw, metrics?.merged], [7 + 7 + 4 + 6, 7 + 13])
  assert.deepEqual(await recordsOf(log), ["run.open", "run.delta", "run.delta", "run.end"])
})

test("a run whose size or number of frames is exactly the limit completes, and one more fails", async () => {
  const told = async (words: readonly string[], limits: object): Promise<string> => {
    const clock: TestClock = createClock()
    await using runs = createRuns({ format: whole, clock, onError: () => {}, ...limits })
    await runs.start("a", async function* () {
      yield* words
    })
    await clock.pass(100)
    return await textOf(runs.attach("a"))
  }
  const words = ["aa", "bb", "cc"]
  assert.equal(await told(words, { maxFrames: 3 }), "aabbcc[completed]")
  assert.equal(await told(words, { maxFrames: 2 }), "aabb[failed message_too_large]")
  assert.equal(await told(words, { maxChars: 12 }), "aabbcc[completed]")
  assert.equal(await told(words, { maxChars: 11 }), "aabbcc[failed message_too_large]")
})
