import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { systemClock, type Clock } from "../../src/clock.ts"
import { createHub, type Hub, type HubOptions, type SubscribeOptions } from "../../src/hub/index.ts"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { Recorder, type Block } from "./recorder.ts"

/** A machine on which each look at the clock takes a millisecond, so that every loop runs out of its time, however fast the test's is. */
function slowMachine(): Clock {
  let now = 0
  return { ...systemClock, monotonic: () => now++ }
}

/** Counts the turns of the event loop that others get. */
function heartbeat(t: TestContext): { readonly beats: number } {
  let beats = 0
  let isOver = false
  const beat = (): void => {
    beats++
    if (!isOver) setImmediate(beat)
  }
  setImmediate(beat)
  t.after(() => {
    isOver = true
  })
  return {
    get beats() {
      return beats
    },
  }
}

interface Scene {
  readonly hub: Hub
  readonly log: Log
  /** How many entries the log was asked for. */
  readonly read: { entries: number; pages: number }
  connect(options: SubscribeOptions, start: Parameters<ReturnType<Hub["subscribe"]>["open"]>[0]): Recorder
}

async function scene(t: TestContext, topics: readonly string[], options: HubOptions = {}): Promise<Scene> {
  const inner = memoryLog({ epoch: "life0000" })
  const read = { entries: 0, pages: 0 }
  const log: Log = {
    ...inner,
    async read(query) {
      const page = await inner.read(query)
      read.entries += page.entries.length
      read.pages++
      return page
    },
  }
  for (let i = 0; i < topics.length; i += 1_000) {
    await inner.append(topics.slice(i, i + 1_000).map((topic, at) => ({ topic, data: String(i + at) })))
  }
  const hub = createHub({ log, clock: slowMachine(), ...options })
  t.after(() => hub.close())
  await hub.publish({ topic: "begin" })
  read.entries = read.pages = 0
  return {
    hub,
    log,
    read,
    connect(subscribe, start) {
      const recorder = new Recorder()
      t.after(() => recorder.leave())
      hub.subscribe(subscribe).open(start).start(recorder)
      return recorder
    },
  }
}

/** A checkpoint has no data. */
const isEntry = ({ id, data }: Block): boolean => id !== undefined && data !== undefined && data !== "{}"

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** Waits until a stream is live, and everything is quiet. */
async function live(hub: Hub, count = 1): Promise<void> {
  while (hub.stats().live < count) await turn()
}

const many = (count: number, topic: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => topic(i))

test("a look-back for a pattern without matches yields to the event loop", async (t) => {
  const { hub, connect } = await scene(
    t,
    many(20_000, (i) => `topic/${i}`),
  )
  const heart = heartbeat(t)
  connect({ patterns: ["nothing*"] }, { last: 1 })
  await live(hub)
  assert.ok(heart.beats > 100, `${heart.beats} turns`)
})

test("a look-back stops when its stream has ended", async (t) => {
  const { hub, connect, read } = await scene(
    t,
    many(20_000, (i) => `topic/${i}`),
    { window: { maxEntries: 0 } },
  )
  const recorder = connect({ patterns: ["nothing*"] }, { last: 1 })
  while (read.pages < 3) await turn()
  recorder.leave()
  const { entries } = read
  for (let i = 0; i < 200; i++) await turn()
  assert.ok(read.entries <= entries + 512, `${read.entries - entries} more entries were read`)
  assert.equal(hub.stats().connections, 0)
})

test("sixty equal concurrent look-backs are two", async (t) => {
  const one = await scene(
    t,
    many(5_000, (i) => `topic/${i}`),
    { window: { maxEntries: 0 } },
  )
  one.connect({ patterns: ["nothing*"] }, { last: 1 })
  await live(one.hub)
  const sixty = await scene(
    t,
    many(5_000, (i) => `topic/${i}`),
    { window: { maxEntries: 0 } },
  )
  const recorders = many(60, () => "").map(() => sixty.connect({ patterns: ["nothing*"] }, { last: 1 }))
  await live(sixty.hub, 60)
  // reading on from what was found is each stream's own
  const own = sixty.read.pages - 2 * one.read.pages
  assert.ok(own <= 60 * 14, `${sixty.read.pages} pages for sixty, ${one.read.pages} for one`)
  assert.equal(recorders.length, 60)
})

test("look-backs find the same entries in the window, in the log, and between them", async (t) => {
  const topics = many(3_000, (i) => (i % 700 === 5 ? `a/${i}` : `b/${i}`))
  for (const entries of [0, 100, 1_000, 10_000]) {
    for (const last of [1, 2, 3, 4, 5, 6, 100]) {
      const { hub, connect } = await scene(t, topics, { window: { maxEntries: entries } })
      const recorder = connect({ patterns: ["a/*"] }, { last })
      await live(hub)
      const data = recorder.blocks.filter((block) => isEntry(block)).map((block) => block.data)
      assert.deepEqual(data, ["5", "705", "1405", "2105", "2805"].slice(-last), `window ${entries}, last ${last}`)
    }
  }
})

test("a stream that reads from the window yields to the event loop, and misses no new entries", async (t) => {
  const { hub, connect } = await scene(
    t,
    many(1_000, (i) => (i % 100 === 0 ? `a/${i}` : `b/${i}`)),
  )
  const heart = heartbeat(t)
  const recorder = connect({ patterns: ["a/*"] }, "earliest")
  for (let i = 0; i < 50; i++) {
    await hub.publish({ topic: "a/new", data: `new ${i}` })
    await turn()
  }
  await live(hub)
  await turn()
  const data = recorder.blocks.flatMap((block) => (isEntry(block) ? [block.data] : []))
  const expected = [...many(10, (i) => String(i * 100)), ...many(50, (i) => `new ${i}`)]
  assert.deepEqual(data, expected)
  assert.ok(heart.beats > 20, `${heart.beats} turns`)
})

test("a batch that many patterns are matched for yields to the event loop, and arrives complete and in order", async (t) => {
  const { hub, connect } = await scene(t, [])
  const recorder = connect({ patterns: ["*"] }, "live")
  await live(hub)
  const heart = heartbeat(t)
  await hub.publishMany(many(1_000, (i) => `a/${i}`).map((topic, i) => ({ topic, data: String(i) })))
  const received = (): (string | undefined)[] =>
    recorder.blocks.filter((block) => isEntry(block)).map((block) => block.data)
  while (received().length < 1_000) await turn()
  assert.deepEqual(received(), many(1_000, String))
  assert.ok(heart.beats > 50, `${heart.beats} turns`)
})

test("a message with a thousand topics is matched over many turns, and arrives once and in order at each stream", async (t) => {
  const { hub, connect } = await scene(t, [])
  const streams = [
    ...many(20, (i) => `*${i}`).map((pattern) => connect({ patterns: [pattern] }, "live")),
    ...["a/7", "a/999"].map((topic) => connect({ topics: [topic] }, "live")),
    connect({ topics: ["a/7"], patterns: ["a/*"] }, "live"),
  ]
  await live(hub, streams.length)
  const [first = "", ...also] = many(1_000, (i) => `a/${i}`)
  const heart = heartbeat(t)
  const published = Promise.all([
    hub.publish({ topic: first, data: "before" }),
    hub.publish({ topic: first, also, data: "large" }),
    hub.publish({ topic: first, also: also.toReversed(), data: "larger" }),
    hub.publish({ topic: "a/7", data: "after" }),
  ])
  const dataOf = (stream: Recorder | undefined): (string | undefined)[] =>
    stream?.blocks.filter((block) => isEntry(block)).map((block) => block.data) ?? []
  await published
  for (let turns = 0; turns < 100_000 && !dataOf(streams.at(-1)).includes("after"); turns++) await turn()
  await turn()
  for (const stream of streams) {
    const data = dataOf(stream).filter((each) => each?.startsWith("large"))
    assert.deepEqual(data, ["large", "larger"])
  }
  assert.deepEqual(dataOf(streams.at(-1)), ["before", "large", "larger", "after"])
  assert.ok(heart.beats > 300, `${heart.beats} turns`)
})

test("a stream reads messages with a thousand topics from the window over many turns", async (t) => {
  const { hub, connect } = await scene(t, [])
  for (let i = 0; i < 50; i++)
    await hub.publish({ topic: `a/${i}`, also: many(999, (at) => `b/${i}/${at}`), data: String(i) })
  const heart = heartbeat(t)
  const recorder = connect({ patterns: ["a/*", "*b*b*b"] }, "earliest")
  await live(hub)
  assert.deepEqual(
    recorder.blocks.filter((block) => isEntry(block)).map(({ data }) => data),
    many(50, String),
  )
  assert.ok(heart.beats > 8, `${heart.beats} turns`)
})

test("losses of ten thousand topics are matched over many turns", async (t) => {
  const inner = memoryLog({ epoch: "life0000", retention: { count: 10 } })
  await inner.append([{ topic: "first", data: "" }])
  const { last } = await inner.bounds()
  for (let i = 0; i < 9; i++)
    await inner.append(many(1_000, (at) => `${"a".repeat(100)}/${i}/${at}`).map((topic) => ({ topic, data: "" })))
  const hub = createHub({ log: inner, clock: slowMachine() })
  t.after(() => hub.close())
  await hub.publish({ topic: "begin" })
  const heart = heartbeat(t)
  const recorder = new Recorder()
  hub
    .subscribe({ patterns: ["*b*b*b*b"] })
    .open({ after: last })
    .start(recorder)
  await live(hub)
  assert.ok(heart.beats > 500, `${heart.beats} turns`)
  assert.deepEqual(
    recorder.blocks.filter(({ event }) => event === "stream.gap"),
    [],
  )
})

test("thousands of streams that end together end over many turns", async (t) => {
  const { hub, connect } = await scene(t, [])
  const leaving = new AbortController()
  const recorders = many(1_000, () => "").map(() => connect({ topics: ["a"], signal: leaving.signal }, "live"))
  await live(hub, 1_000)
  const heart = heartbeat(t)
  leaving.abort()
  while (hub.stats().connections > 0) await turn()
  assert.ok(heart.beats > 50, `${heart.beats} turns`)
  assert.ok(recorders.every(({ closed }) => closed === "ended"))
})
