import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { faultyLog, unavailable } from "./faulty-log.ts"
import type { Recorder } from "./recorder.ts"
import { at, stage } from "./stage.ts"

test("a publish that the store refuses rejects with the store's error, and is not delivered", async () => {
  const log = faultyLog()
  const { clock, connect, hub, publish, errors } = await stage({ log })
  const client = await connect({ topics: ["a"] })
  log.failure = unavailable
  await assert.rejects(hub.publish({ topic: "a", data: "lost" }), unavailable)
  await assert.rejects(hub.publishMany([{ topic: "a", data: "lost" }]), unavailable)
  log.failure = undefined
  await publish("a", "kept")
  await clock.settle()
  assert.deepEqual(client.data, ["kept"])
  assert.deepEqual(errors, [], "its caller was told, so nobody else is")
})

test("a hub created while its store is unavailable rejects publishes at once, keeps its streams, and starts when the store is available", async () => {
  const log = faultyLog()
  log.failure = unavailable
  const { clock, connect, hub, publish, errors } = await stage({ log })
  const client = await connect({ topics: ["a"] })
  await assert.rejects(hub.publish({ topic: "a" }), unavailable)
  await clock.pass(20_000)
  assert.equal(client.closed, undefined)
  assert.ok(
    client.blocks.some(({ comment }) => comment === ""),
    "kept alive meanwhile",
  )
  assert.ok(errors.length >= 1)
  log.failure = undefined
  await clock.pass(2_000)
  await publish("a", "1")
  assert.deepEqual(client.data, ["1"])
})

test("the same problem is reported once in ten seconds, for any number of streams", async () => {
  const log = faultyLog()
  const { clock, connect, publish, errors } = await stage({ log, window: { maxEntries: 1 } })
  await publish("a", "1", "2", "3")
  log.failure = unavailable
  const clients = []
  for (let i = 0; i < 50; i++) clients.push(await connect({ topics: ["a"] }, "earliest"))
  await clock.pass(60_000)
  assert.ok(errors.length >= 5 && errors.length <= 7, `${errors.length} reports in a minute`)
  assert.ok(errors.every((error) => error === unavailable))
  assert.ok(log.calls.bounds < 50 * 150, "and not asked in a hurry")
  log.failure = undefined
  await clock.pass(2_000)
  for (const client of clients) assert.deepEqual(client.data, ["1", "2", "3"])
})

test("another kind of problem is reported separately", async () => {
  const log = faultyLog()
  const { clock, connect, errors } = await stage({ log })
  log.failure = unavailable
  await connect({ topics: ["a"] }, "earliest")
  const other = new Error("something else")
  log.failure = other
  await clock.pass(2_000)
  assert.deepEqual(errors.slice(0, 2), [unavailable, other])
})

test("a stream that disconnects while the store is unavailable stops reading", async () => {
  const log = faultyLog()
  const { clock, connect, publish, hub } = await stage({ log, window: { maxEntries: 1 } })
  await publish("a", "1", "2", "3")
  log.failure = unavailable
  const client = await connect({ topics: ["a"] }, { after: at(1) })
  client.leave()
  await clock.pass(3_000)
  const { read } = log.calls
  await clock.pass(60_000)
  assert.equal(log.calls.read, read)
  assert.deepEqual([hub.stats().connections, clock.timers], [0, 0])
})

test("a hub can be closed while its store is unavailable", async () => {
  const log = faultyLog()
  log.failure = unavailable
  const { clock, connect, hub } = await stage({ log })
  const client = await connect({ topics: ["a"] })
  await hub.close()
  await clock.pass(5_000)
  assert.equal(client.closed, "ended")
  assert.equal(clock.timers, 0)
})

test("entries of another process arrive in order, with this process's own among them", async () => {
  const { another, clock, connect, publish } = await stage()
  const other = another()
  await clock.settle()
  const client = await connect({ topics: ["a"] })
  const there = await connect({ topics: ["a"] }, undefined, other)
  await publish("a", "1")
  await other.publish({ topic: "a", data: "2" })
  await publish("a", "3")
  await Promise.all([
    other.publish({ topic: "a", data: "4" }),
    publish("a", "5"),
    other.publish({ topic: "a", data: "6" }),
  ])
  await clock.settle()
  assert.deepEqual(client.data.slice(0, 3), ["1", "2", "3"])
  assert.deepEqual([...client.data].sort(), ["1", "2", "3", "4", "5", "6"])
  assert.deepEqual(there.data, client.data)
  assert.deepEqual(
    client.events.map(({ id }) => id),
    [1, 2, 3, 4, 5, 6].map(at),
  )
})

/** What may be sent as a last event id: forged, broken, of elsewhere. */
const hostile = [
  "",
  "0",
  "-1",
  "NaN",
  "Infinity",
  "1e308",
  "life0000",
  "life0000~",
  "life0000~1",
  "life0000~1-",
  "life0000~1Z",
  "life0000~20",
  "life0000~201",
  "life0000~bzzzzzzzzzzz",
  "life0000~b2gosa7pa2gw",
  "life0000~b2gosa7pa2gv",
  "life0000~czzzzzzzzzzzz",
  "life0000~10",
  "life0000~1z",
  "LIFE0000~11",
  "life0001~11",
  "zzzzzzzz~bzzzzzzzzzz",
  "\u{0}",
  "a\nb",
  "\ud800",
  "__proto__",
  "constructor",
  "' OR 1=1 --",
  "../../etc/passwd",
  "🦊".repeat(256),
  "x".repeat(1_024),
] as const

test("no hostile cursor breaks a stream: it is at most a gap, and new entries arrive", async () => {
  const { clock, connect, publish, errors, hub } = await stage()
  await publish("a", "1", "2", "3")
  const clients: [string, Recorder][] = []
  for (const after of hostile) {
    clients.push([after, await connect({ topics: ["a"] }, { after })])
    clients.push([after, await connect({ patterns: ["a*"] }, { after })])
  }
  await publish("a", "4")
  for (const [after, client] of clients) {
    assert.equal(client.closed, undefined, JSON.stringify(after))
    assert.equal(client.data.at(-1), "4", JSON.stringify(after))
    assert.ok(client.gaps.length <= 1)
    const expected = client.gaps.length === 0 || client.data.length === 1 || client.data.length === 4
    assert.ok(expected, `${JSON.stringify(after)} got ${client.data.join()}`)
  }
  const subscription = hub.subscribe({ topics: ["a"] })
  assert.throws(() => subscription.open({ after: "x".repeat(65_536) }), { code: "cursor_too_long" })
  await clock.pass(20_000)
  assert.deepEqual(errors, [])
})

test("a cursor opens no topic that was not requested", async () => {
  const { another, clock, connect, publish, hub } = await stage({ window: { maxEntries: 4 } })
  await hub.publish({ topic: "private/ann", data: "secret 0", id: "ann-0" })
  for (let i = 1; i <= 6; i++) {
    await publish("private/ann", `secret ${i}`)
    await publish("private/bob", `mine ${i}`)
  }
  const cold = another()
  await clock.settle()
  const starts = [
    "earliest",
    { last: 100 },
    { since: 0 },
    { after: "ann-0" },
    { after: "nobody's" },
    { after: "otherlif~11" },
    ...[0, 1, 2, 5, 9, 13, 99].map((sequence) => ({ after: at(sequence) })),
  ] as const
  for (const start of starts) {
    for (const options of [{ topics: ["private/bob"] }, { patterns: ["private/b*"] }]) {
      for (const process of [hub, cold]) {
        const client = await connect(options, start, process)
        assert.ok(
          client.data.every((text) => text.startsWith("mine")),
          `${JSON.stringify(start)}: ${client.data.join()}`,
        )
        assert.ok(client.frames.every(({ text }) => !text.includes("secret")))
        client.leave()
      }
    }
  }
})

test("a stolen id of a topic that a client cannot read is treated like an unknown one", async () => {
  const log = memoryLog({ epoch: "life0000" })
  const { connect, hub, publish } = await stage({ log })
  await publish("mine", "1")
  await hub.publish({ topic: "theirs", data: "secret", id: "stolen" })
  await publish("mine", "2")
  const client = await connect({ topics: ["mine"] }, { after: "stolen" })
  assert.deepEqual(client.gaps, [{ reason: "unknown", from: "stolen", to: "life0000~10" }])
  assert.deepEqual(client.data, ["1", "2"])
})

test("an entry that is published while the hub reads the end of its log is delivered once", async () => {
  const inner = memoryLog({ epoch: "life0000" })
  let wake = (): void => {}
  let gate = Promise.resolve()
  const log: Log = {
    ...inner,
    watch(watcher) {
      wake = () => watcher()
      return inner.watch(watcher)
    },
    async read(query) {
      await gate
      return inner.read(query)
    },
  }
  const { clock, connect, hub } = await stage({ log })
  const client = await connect({ topics: ["a"] })
  const { promise, resolve: open } = Promise.withResolvers<void>()
  gate = promise
  // a hint, after which the hub looks for what other processes stored
  wake()
  await clock.settle()
  await hub.publish({ topic: "a", data: "1" })
  await clock.settle()
  open()
  await clock.settle()
  await hub.publish({ topic: "a", data: "2" })
  await clock.settle()
  assert.deepEqual(client.data, ["1", "2"])
})
