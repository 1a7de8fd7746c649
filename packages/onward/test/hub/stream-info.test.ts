import assert from "node:assert/strict"
import { getEventListeners } from "node:events"
import { test } from "node:test"
import type { HubObservation } from "../../src/hub/index.ts"
import { stage } from "./stage.ts"

test("what is told of a stream has its times: when it opened, was last sent something, and fell behind", async () => {
  const seen: HubObservation[] = []
  const { clock, connect, hub, publish } = await stage({ observe: (each) => void seen.push(each) })
  await clock.pass(1_234)
  const began = clock.now()
  const told = () => {
    const { openedAt = 0, wroteAt = 0, behindSince, timesBehind, gaps, state, lag } = hub.stream("1") ?? {}
    return [openedAt - began, wroteAt - began, behindSince && behindSince - began, timesBehind, gaps, state, lag]
  }
  const client = await connect({ topics: ["a"] })
  assert.deepEqual(told(), [0, 0, undefined, 0, 0, "live", 0])
  await clock.pass(1_000)
  await publish("a", "1")
  assert.deepEqual(told(), [0, 1_000, undefined, 0, 0, "live", 0])
  client.room = 1
  await clock.pass(500)
  await publish("a", "2", "3")
  assert.deepEqual(told(), [0, 1_500, 1_500, 1, 0, "full", 1])
  assert.equal(hub.stats().lag, 1)
  await clock.pass(300)
  client.drain()
  await clock.settle()
  assert.deepEqual(told(), [0, 1_800, undefined, 1, 0, "live", 0])
  await clock.pass(20_000)
  client.leave()
  const durations = seen.flatMap((each) =>
    each.type === "caught_up" ? [each.duration] : each.type === "closed" ? [each.lifetime] : [],
  )
  assert.deepEqual(durations, [300, 21_800])
})

test("a loss is counted for its stream", async () => {
  const { connect, hub, publish } = await stage()
  await publish("a", "1")
  await connect({ topics: ["a"] }, { after: "never" })
  await connect({ topics: ["a"] })
  assert.deepEqual([hub.stream("1")?.gaps, hub.stream("2")?.gaps], [1, 0])
  assert.deepEqual([hub.stats().lag, hub.stats().live], [0, 2])
})

test("a stream that ends gives back its place in every count", async () => {
  const limits = { connections: 1, connectionsPerKey: 1, patterns: 1, patternsPerKey: 1, filters: 1 }
  const { clock, connect, hub } = await stage({ limits, presence: { grace: 0 } })
  const { signal } = new AbortController()
  const options = {
    ...{ topics: ["a"], patterns: ["b*"], limitKey: "k", userId: "ada", label: "feed", signal },
    filter: () => true,
  }
  const counts = () => {
    const { connections, live, topics, labels, bytes, lag } = hub.stats()
    return { connections, live, topics, labels, bytes, lag }
  }
  for (let round = 1; round <= 3; round++) {
    const client = await connect(options)
    const bytes = Buffer.byteLength(client.frames.map(({ text }) => text).join(""))
    assert.deepEqual(counts(), {
      ...{ connections: 1, live: 1, topics: 1, bytes, lag: 0 },
      labels: { feed: { live: 1, reading: 0, full: 0 } },
    })
    assert.deepEqual(hub.presence.of("a"), { streams: 1, userIds: ["ada"] })
    assert.equal(getEventListeners(signal, "abort").length, 1)
    assert.equal(hub.stream(String(round))?.state, "live")
    await assert.rejects(connect({ topics: ["a"] }), { code: "too_many_connections" })
    client.leave()
    client.leave()
    await clock.settle()
    assert.deepEqual(counts(), { connections: 0, live: 0, topics: 0, labels: {}, bytes: 0, lag: 0 })
    assert.deepEqual(hub.presence.of("a"), { streams: 0, userIds: [] })
    assert.equal(getEventListeners(signal, "abort").length, 0)
    assert.deepEqual([hub.stream(String(round)), hub.streams()], [undefined, []])
  }
})

test("each state of a stream is counted, with the largest lag", async () => {
  const { connect, hub, publish } = await stage()
  await connect({ topics: ["a"], label: "one" })
  for (const count of [1, 2]) {
    const full = await connect({ topics: [`t${count}`], label: "two" })
    full.room = 1
    await publish(`t${count}`, "x", "y")
  }
  const { connections, live, reading, full, lag, labels } = hub.stats()
  assert.deepEqual({ connections, live, reading, full, lag }, { connections: 3, live: 1, reading: 0, full: 2, lag: 3 })
  assert.deepEqual(labels, {
    one: { live: 1, reading: 0, full: 0 },
    two: { live: 0, reading: 0, full: 2 },
  })
})

test("operations of the log and publishes are reported with the time that they took, also those that fail", async () => {
  const seen: HubObservation[] = []
  const { another, clock, log } = await stage()
  const later = <T>(answer: () => Promise<T>): Promise<T> =>
    new Promise((resolve) => void clock.after(40, () => resolve(answer())))
  let fails = false
  const hub = another({
    observe: (each) => void seen.push(each),
    log: {
      ...log,
      append: (messages) => later(() => (fails ? Promise.reject(new Error("away")) : log.append(messages))),
      locate: (landmark) => later(() => log.locate(landmark)),
    },
  })
  await clock.pass(1_000)
  for (fails of [false, true]) {
    seen.length = 0
    const published = hub.publish({ topic: "a", data: "é" }).catch((error: unknown) => String(error))
    await clock.pass(100)
    const outcome = await published
    const told = seen.flatMap((each) => {
      if (each.type === "log" && each.operation === "append") return [["append", each.duration, "error" in each]]
      return each.type === "published" ? [["published", each.duration, "error" in each, each.bytes]] : []
    })
    const expected = [
      ["append", 40, fails],
      ["published", 40, fails, fails ? 0 : 2],
    ]
    assert.deepEqual(told, expected, outcome)
  }
})
