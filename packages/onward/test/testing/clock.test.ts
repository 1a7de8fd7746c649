import assert from "node:assert/strict"
import { mock, test } from "node:test"
import { createHub, memoryLog } from "../../src/index.ts"
import { sse } from "../../src/adapters/node.ts"
import { connect, createClock } from "../../src/testing/index.ts"

test("it shows the same time until the test advances it", async () => {
  const clock = createClock({ now: 1_000 })
  await clock.settle()
  assert.equal(clock.now(), 1_000)
  await clock.pass(250)
  assert.equal(clock.now(), 1_250)
})

test("setting the time of day changes only that: no time passes, no timer runs", async () => {
  const clock = createClock({ now: 1_000_000 })
  const seen: string[] = []
  clock.after(100, () => seen.push("due"))
  const before = clock.monotonic()
  for (const now of [4_600_000, 400_000, -1, 0]) {
    clock.setTime(now)
    await clock.settle()
    assert.equal(clock.now(), now)
    assert.equal(clock.monotonic(), before)
  }
  assert.deepEqual(seen, [])
  await clock.pass(100)
  assert.deepEqual(seen, ["due"])
  assert.equal(clock.now(), 100)
  assert.equal(clock.monotonic(), before + 100)
  for (const now of [Number.NaN, Infinity, "1" as unknown as number]) assert.throws(() => clock.setTime(now), TypeError)
})

test("timers run at their times, in order, also those that timers set", async () => {
  const clock = createClock({ now: 0 })
  const seen: string[] = []
  const say = (what: string) => () => void seen.push(`${what} at ${clock.now()}`)
  clock.after(20, say("b"))
  clock.after(10, () => {
    say("a")()
    clock.after(5, say("a's"))
    clock.after(500, say("too late"))
  })
  clock.after(20, say("c"))
  const undo = clock.after(15, say("undone"))
  undo()
  await clock.pass(100)
  assert.deepEqual(seen, ["a at 10", "a's at 15", "b at 20", "c at 20"])
  assert.equal(clock.timers, 1)
})

test("effects of a timer happen before the next one", async () => {
  const clock = createClock({ now: 0 })
  const seen: number[] = []
  clock.after(1, () => {
    clock.turn(() => void Promise.resolve().then(() => clock.turn(() => seen.push(1))))
  })
  clock.after(2, () => seen.push(2))
  await clock.pass(2)
  assert.deepEqual(seen, [1, 2])
})

test("its random numbers depend on the seed only", () => {
  const numbers = (seed?: number): number[] => {
    const clock = createClock(seed === undefined ? {} : { seed })
    return Array.from({ length: 100 }, () => clock.random())
  }
  assert.deepEqual(numbers(), numbers())
  assert.notDeepEqual(numbers(1), numbers(2))
  assert.ok(numbers().every((each) => each >= 0 && each < 1))
})

test("a memory log expires entries by it", async () => {
  const clock = createClock()
  const log = memoryLog({ clock, retention: { age: 60_000 } })
  const hub = createHub({ clock, log })
  await hub.publish({ topic: "news", data: "old" })
  await clock.pass(60_001)
  await hub.publish({ topic: "news", data: "new" })
  const reader = await connect((req, res) => sse(req, res, hub.subscribe({ topics: ["news"], from: "earliest" })))
  assert.equal((await reader.next()).data, "new")
  await reader.cut()
})

test("the default log of a hub uses the hub's clock", async () => {
  const hub = createHub({ clock: createClock({ now: 1_000 }) })
  let time: number | undefined
  const until = (entry: { readonly time: number }): boolean => {
    time = entry.time
    return true
  }
  const reader = await connect((req, res) => sse(req, res, hub.subscribe({ topics: ["news"], until })))
  await hub.publish({ topic: "news" })
  await reader.closed()
  assert.equal(time, 1_000)
})

test("clock and reader work with fake timers", async () => {
  mock.timers.enable()
  try {
    const clock = createClock()
    const hub = createHub({ clock })
    const reader = await connect((req, res) => sse(req, res, hub.subscribe({ topics: ["news"] })))
    await hub.publish({ topic: "news", data: "hello" })
    assert.equal((await reader.next()).data, "hello")
    await clock.pass(15_000)
    assert.equal(reader.comments.length, 2)
    await reader.cut()
    assert.equal(hub.stats().connections, 0)
  } finally {
    mock.timers.reset()
  }
})
