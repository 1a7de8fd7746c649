import assert from "node:assert/strict"
import { test } from "node:test"
import { faultyLog } from "./faulty-log.ts"
import { Recorder } from "./recorder.ts"
import { at, stage } from "./stage.ts"

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => String(from + i))

test("a full connection receives nothing more, and is not live", async () => {
  const { connect, hub, publish } = await stage()
  const client = await connect({ topics: ["a"] })
  client.room = 10
  await publish("a", "0")
  const written = client.frames.length
  await publish("a", ...numbers(1, 50))
  assert.equal(client.frames.length, written)
  assert.equal(hub.stats().live, 0)
  assert.equal(hub.stats().connections, 1)
})

test("with room again it catches up from the window, each entry once, and is live", async () => {
  const { clock, connect, hub, publish } = await stage()
  const client = await connect({ topics: ["a"] })
  client.room = 10
  await publish("a", ...numbers(0, 50))
  client.drain()
  await clock.settle()
  assert.deepEqual(client.data, numbers(0, 50))
  assert.equal(hub.stats().live, 1)
  await publish("a", "50")
  assert.deepEqual(client.data, numbers(0, 51))
})

test("when the window has advanced, it catches up from the log", async () => {
  const { clock, connect, hub, publish } = await stage({ window: { maxEntries: 3 } })
  const client = await connect({ patterns: ["a*"] })
  client.room = 10
  await publish("a", "0")
  for (let i = 1; i < 1_500; i += 100)
    await hub.publishMany(numbers(i, Math.min(i + 100, 1_500)).map((data) => ({ topic: "a", data })))
  await clock.settle()
  client.drain()
  await clock.settle()
  assert.deepEqual(client.data, numbers(0, 1_500))
  assert.deepEqual(client.gaps, [])
  assert.equal(hub.stats().live, 1)
})

test("a connection that reads slowly receives everything once, also what is published meanwhile", async () => {
  const { clock, connect, publish } = await stage({ window: { maxEntries: 20 } })
  const client = await connect({ topics: ["a"] })
  client.room = 0
  let next = 0
  for (let i = 0; i < 60; i++) {
    await publish("a", ...numbers(next, (next += 7)))
    client.drain(1 + ((i * 37) % 200))
    await clock.settle()
  }
  client.drain()
  await clock.settle()
  assert.deepEqual(client.data, numbers(0, next))
  assert.deepEqual(client.gaps, [])
})

test("entries that the log removed meanwhile are announced, and the rest follows", async () => {
  const { clock, connect, publish } = await stage({ window: { maxEntries: 3 }, retention: { count: 5 } })
  const client = await connect({ topics: ["a"] })
  client.room = 10
  const ids = await publish("a", ...numbers(0, 20))
  client.drain()
  await clock.settle()
  assert.deepEqual(client.data, ["0", ...numbers(15, 20)])
  assert.deepEqual(client.gaps, [{ reason: "trimmed", from: ids[0], to: ids[14] }])
  await publish("a", "20")
  assert.deepEqual(client.data.at(-1), "20")
})

for (const maxEntries of [1, 40]) {
  test(`a connection that reads from the earliest entry is told what the log removed before it got there, with a window of ${maxEntries}`, async () => {
    const { publish, clock, hub } = await stage({ window: { maxEntries }, retention: { count: 40 } })
    const texts = Array.from({ length: 70 }, (_, i) => String(i + 1).padEnd(10_000))
    await publish("a", ...texts.slice(0, 40))
    const recorder = new Recorder()
    recorder.room = 1
    hub
      .subscribe({ topics: ["a"] })
      .open("earliest")
      .start(recorder)
    await clock.settle()
    const first = recorder.data.length
    assert.ok(first > 0 && first < 30, `${first} entries before it is full`)
    await publish("a", ...texts.slice(40))
    // until then it is sent the rest of the page that was read, which streams share
    await clock.pass(1_000)
    recorder.drain()
    await clock.settle()
    assert.deepEqual(recorder.gaps, [{ reason: "trimmed", from: at(first), to: at(30) }])
    assert.deepEqual(recorder.data, [...texts.slice(0, first), ...texts.slice(30)])
  })
}

test("a connection that is full after the gap of an unknown id receives nothing more until it has room", async () => {
  const { publish, clock, hub } = await stage()
  await publish("a", "1", "2")
  const recorder = new Recorder()
  recorder.room = 1
  hub
    .subscribe({ topics: ["a"] })
    .open({ after: "never" })
    .start(recorder)
  await clock.settle()
  assert.deepEqual([recorder.gaps.length, recorder.data], [1, []])
  recorder.drain()
  await clock.settle()
  assert.deepEqual([recorder.gaps.length, recorder.data], [1, ["1", "2"]])
})

test("a connection that reads nothing for the stall timeout is closed, at once, and others are not", async () => {
  const { clock, connect, hub, publish } = await stage({ stallTimeout: 60_000 })
  const stalled = await connect({ topics: ["a"] })
  const healthy = await connect({ topics: ["a"] })
  stalled.room = 10
  await publish("a", "1")
  await clock.pass(59_000)
  assert.equal(stalled.closed, undefined)
  await clock.pass(1_500)
  assert.equal(stalled.closed, "aborted")
  assert.equal(healthy.closed, undefined)
  assert.equal(hub.stats().connections, 1)
})

test("a stall timeout shorter than the heartbeat is exact to a tick, whenever the connection fills up", async () => {
  for (const stallTimeout of [1_000, 4_000, 10_000]) {
    const { clock, connect, publish } = await stage({ stallTimeout, heartbeat: 15_000 })
    for (let offset = 0; offset < 3_000; offset += 210) {
      const client = await connect({ topics: ["a"] })
      await clock.pass(offset)
      client.room = 10
      await publish("a", "1")
      await clock.pass(stallTimeout - 1)
      assert.equal(client.closed, undefined, `${stallTimeout} ms are not over`)
      await clock.pass(501)
      assert.equal(client.closed, "aborted", `${stallTimeout} ms are over`)
    }
  }
})

test("a connection that reads something periodically is not closed", async () => {
  const { clock, connect, publish } = await stage({ stallTimeout: 60_000 })
  const slow = await connect({ topics: ["a"] })
  for (let i = 0; i < 20; i++) {
    slow.drain(1)
    await publish("a", String(i))
    await clock.pass(50_000)
  }
  assert.equal(slow.closed, undefined)
  slow.drain()
  await clock.settle()
  assert.deepEqual(slow.data, numbers(0, 20))
})

test("a full connection gets no heartbeats", async () => {
  const { clock, connect, publish } = await stage()
  const client = await connect({ topics: ["a"] })
  client.room = 10
  await publish("a", "1")
  const written = client.frames.length
  await clock.pass(60_000)
  assert.equal(client.frames.length, written)
})

test("a connection that ends while it is full leaves nothing behind", async () => {
  const { clock, connect, hub, publish } = await stage()
  const client = await connect({ topics: ["a"] })
  client.room = 10
  await publish("a", "1", "2")
  client.leave()
  client.drain()
  await clock.settle()
  assert.deepEqual([hub.stats().connections, hub.stats().topics, clock.timers], [0, 0, 0])
  assert.deepEqual(client.data, ["1"])
})

test("a connection reads small entries in pages that grow, and large ones a few at a time", async () => {
  for (const [chars, expected] of [
    [1, [16, 32, 64, 128, 256, 512, 512, 512]],
    [30_000, [16, 9, 9]],
    [300_000, [16, 1, 1]],
  ] as const) {
    const log = faultyLog()
    const limits: number[] = []
    const { connect, hub } = await stage({
      window: { maxEntries: 1 },
      log: {
        ...log,
        read(query) {
          limits.push(query.limit)
          return log.read(query)
        },
      },
    })
    const count = chars === 1 ? 3_000 : 60
    const messages = Array.from({ length: count }, () => ({ topic: "a", data: "x".repeat(chars) }))
    for (let i = 0; i < count; i += 500) await hub.publishMany(messages.slice(i, i + 500))
    limits.length = 0
    const client = await connect({ topics: ["a"] }, "earliest")
    assert.equal(client.data.length, count)
    assert.deepEqual(limits.slice(0, expected.length), expected)
  }
})
