import assert from "node:assert/strict"
import { test } from "node:test"
import { stage } from "./stage.ts"

test("events published within one turn are one write for each connection", async () => {
  const { clock, connect, hub } = await stage()
  const clients = [
    await connect({ topics: ["a"] }),
    await connect({ topics: ["a", "b"] }),
    await connect({ patterns: ["*"] }),
  ]
  const before = clients.map(({ frames }) => frames.length)
  await Promise.all(Array.from({ length: 100 }, (_, i) => hub.publish({ topic: i % 2 ? "a" : "b", data: String(i) })))
  await clock.settle()
  for (const [i, { frames }] of clients.entries()) assert.equal(frames.length - (before[i] ?? 0), 1)
  assert.equal(clients[0]?.data.length, 50)
  assert.deepEqual(
    clients[1]?.data,
    Array.from({ length: 100 }, (_, i) => String(i)),
  )
})

test("a turn larger than a socket buffer is a few writes, none much larger than it", async () => {
  const { clock, connect, hub } = await stage()
  const client = await connect({ topics: ["a"] })
  const before = client.frames.length
  await hub.publishMany(Array.from({ length: 300 }, (_, i) => ({ topic: "a", data: `${i}`.padEnd(1_000) })))
  await clock.settle()
  const sizes = client.frames.slice(before).map(({ text }) => text.length)
  assert.equal(sizes.length, 5)
  assert.ok(Math.max(...sizes) < 70_000, String(sizes))
  assert.equal(client.data.length, 300)
})

test("connections that receive the same entries share one frame, with any selectors", async () => {
  const { clock, connect, hub } = await stage()
  const clients = [
    await connect({ topics: ["a"] }),
    await connect({ topics: ["a"] }),
    await connect({ topics: ["b", "a"] }),
    await connect({ topics: ["a", "unrelated"] }),
    await connect({ patterns: ["a*"] }),
    await connect({ patterns: ["*"], topics: ["a"] }),
  ]
  const publish = async (...topics: string[]) => {
    await hub.publishMany(topics.map((topic) => ({ topic, data: topic })))
    await clock.settle()
    return clients.map(({ frames }) => frames.at(-1))
  }
  const [one, ...same] = await publish("a")
  for (const frame of same) assert.equal(frame, one)
  const [two, ...alike] = await publish("a", "a", "a")
  for (const frame of alike) assert.equal(frame, two)
  // the third and the last also asked for "b"
  const mixed = await publish("a", "b", "a")
  assert.equal(mixed[2], mixed[5])
  assert.equal(mixed[0], mixed[3])
  assert.equal(mixed[0], mixed[4])
  assert.notEqual(mixed[0], mixed[2])
  assert.deepEqual(clients[0]?.data, ["a", "a", "a", "a", "a", "a"])
  assert.deepEqual(clients[2]?.data, ["a", "a", "a", "a", "a", "b", "a"])
})

test("an entry that several selectors of one stream match is delivered once", async () => {
  const { clock, connect, hub } = await stage()
  const options = { topics: ["users/1", "news"], patterns: ["users/:id", "users/*", "*"] }
  const live = await connect(options)
  await hub.publishMany([
    { topic: "users/1", data: "1" },
    { topic: "news", data: "2" },
    { topic: "other", data: "3" },
    { topic: "users/1", data: "4" },
  ])
  await clock.settle()
  assert.deepEqual(live.data, ["1", "2", "3", "4"])
  assert.deepEqual((await connect(options, "earliest")).data, ["1", "2", "3", "4"])
  assert.deepEqual((await connect(options, { last: 3 })).data, ["2", "3", "4"])
})

test("patterns and topics deliver what they match, and nothing else", async () => {
  const { connect, publish } = await stage()
  const exact = await connect({ topics: ["users/1"] })
  const pattern = await connect({ patterns: ["users/:id"] })
  const all = await connect({ patterns: ["*"] })
  await publish("users/1", "1")
  await publish("users/1/orders", "2")
  await publish("users/2", "3")
  assert.deepEqual(exact.data, ["1"])
  assert.deepEqual(pattern.data, ["1", "3"])
  assert.deepEqual(all.data, ["1", "2", "3"])
})

test("a new pattern matches topics that were published before", async () => {
  const { connect, publish } = await stage()
  await connect({ patterns: ["a/*"] })
  await publish("b/1", "0")
  const late = await connect({ patterns: ["b/*"] })
  await publish("b/1", "1")
  assert.deepEqual(late.data, ["1"])
})

test("ten thousand short-lived topics leave no memory behind", async () => {
  const { clock, hub, publish } = await stage()
  const { Recorder } = await import("./recorder.ts")
  const recorders = Array.from({ length: 10_000 }, (_, i) => {
    const recorder = new Recorder()
    const topics = [`topic/${i}`, `topic/${i}/more`]
    hub
      .subscribe(
        i % 100 ? { topics, limitKey: `user ${i}` } : { topics, patterns: [`room/${i}/*`], limitKey: `user ${i}` },
      )
      .open()
      .start(recorder)
    return recorder
  })
  await clock.settle()
  const numbers = (): number[] => [hub.stats().connections, hub.stats().live, hub.stats().topics]
  assert.deepEqual(numbers(), [10_000, 10_000, 20_000])
  assert.equal(clock.timers, 1)
  for (const recorder of recorders) recorder.leave()
  assert.deepEqual(numbers(), [0, 0, 0])
  assert.equal(clock.timers, 0)
  await publish("topic/1", "nobody")
  assert.ok(recorders.every(({ data }) => data.length === 0))
})

test("removing a cursor twice counts once", async () => {
  const { connect, hub } = await stage()
  const one = await connect({ topics: ["a"], limitKey: "k" })
  await connect({ topics: ["a"], limitKey: "k" })
  one.leave()
  one.leave()
  assert.deepEqual([hub.stats().connections, hub.stats().topics], [1, 1])
})

test("stats report the connections, the live ones, and the memory in use", async () => {
  const { connect, hub, publish } = await stage()
  const none = { connections: 0, live: 0, reading: 0, full: 0, lag: 0, bytes: 0, labels: {} }
  assert.deepEqual(hub.stats(), {
    ...none,
    position: await hub.position(),
    topics: 0,
    window: { entries: 0, chars: 0 },
  })
  await connect({ topics: ["a", "b"] })
  const slow = await connect({ topics: ["b"], patterns: ["c/*"] })
  slow.room = 1
  await publish("b", "12345")
  await publish("b", "67890")
  const states = { connections: 2, live: 1, reading: 0, full: 1, lag: 1, bytes: hub.stats().bytes, labels: {} }
  assert.deepEqual(hub.stats(), {
    ...states,
    position: await hub.position(),
    topics: 2,
    window: { entries: 2, chars: 10 },
  })
})

test("the window keeps at most its maximum of entries and characters", async () => {
  const { hub, publish } = await stage({ window: { maxEntries: 5, maxChars: 100 } })
  await publish("a", ...Array.from({ length: 20 }, () => "12345"))
  assert.deepEqual(hub.stats().window, { entries: 5, chars: 25 })
  await publish("a", "x".repeat(90))
  assert.deepEqual(hub.stats().window, { entries: 3, chars: 100 })
  await publish("a", "x".repeat(1_000))
  assert.deepEqual(hub.stats().window, { entries: 0, chars: 0 })
})
