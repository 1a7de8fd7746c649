import assert from "node:assert/strict"
import { test } from "node:test"
import type { Hub } from "../../src/hub/index.ts"
import type { Log } from "../../src/log/index.ts"
import { createClock } from "../../src/testing/index.ts"
import { faultyLog } from "./faulty-log.ts"
import { at, stage, type Stage } from "./stage.ts"

/** Another process on the stage's log: closing it leaves the log open. */
const join = ({ log, another }: Stage): Hub => another({ log: { ...log, close: async () => {} } satisfies Log })

/** The stage with `a` at 1, 3, 5 and `b` at 2, 4, 6. */
async function filled(): Promise<{ s: Stage; two: Hub }> {
  const s = await stage()
  const two = join(s)
  await s.clock.settle()
  for (const data of ["1", "2", "3"]) for (const topic of ["a", "b"]) await s.publish(topic, `${topic}${data}`)
  return { s, two }
}

test("a topic that is forgotten is replayed by no process, and subscribers that missed it receive a gap", async () => {
  const { s, two } = await filled()
  const live = await s.connect({ topics: ["a"] }, "earliest")
  assert.equal(await s.hub.forget("a"), 3)
  await s.clock.settle()
  for (const hub of [s.hub, two]) {
    const from = await s.connect({ topics: ["a"] }, { after: at(1) }, hub)
    assert.deepEqual(from.gaps, [{ reason: "trimmed", from: at(1), to: at(5) }])
    assert.deepEqual(from.data, [])
    const all = await s.connect({ patterns: ["*"] }, { after: at(2) }, hub)
    assert.deepEqual(all.gaps, [{ reason: "trimmed", from: at(2), to: at(5) }])
    assert.deepEqual(all.data, ["b2", "b3"])
    for (const { data, gaps } of [
      await s.connect({ topics: ["b"] }, { after: at(2) }, hub),
      await s.connect({ patterns: ["b*"] }, { after: at(2) }, hub),
      await s.connect({ patterns: ["*"] }, { last: 2 }, hub),
      await s.connect({ topics: ["a", "b"] }, { last: 2 }, hub),
    ]) {
      assert.deepEqual([data, gaps], [["b2", "b3"], []])
    }
    const earliest = await s.connect({ topics: ["a", "b"] }, "earliest", hub)
    assert.deepEqual(earliest.data, ["b1", "b2", "b3"])
    const seen = await s.connect({ topics: ["a"] }, { after: at(5) }, hub)
    assert.deepEqual([seen.data, seen.gaps], [[], []])
  }
  await s.publish("a", "a4")
  assert.deepEqual([live.data, live.gaps], [["a1", "a2", "a3", "a4"], []])
})

test("after an entry or before a time, entries of the topic stay", async () => {
  const { s, two } = await filled()
  await s.clock.pass(1_000)
  await s.hub.publish({ topic: "a", data: "a4", id: "four" })
  await s.publish("a", "a5")
  assert.equal(await two.forget("a", { upTo: at(1) }), 1)
  assert.equal(await two.forget("a", { before: new Date(s.clock.now() - 500) }), 2)
  await s.clock.settle()
  const rest = await s.connect({ topics: ["a", "b"] }, "earliest")
  assert.deepEqual(rest.data, ["b1", "b2", "b3", "a4", "a5"])
  assert.equal(await two.forget("a", { upTo: "four" }), 1)
  assert.equal(await two.trim({ upTo: at(4) }), 2)
  await s.clock.settle()
  const left = await s.connect({ patterns: ["*"] }, { after: at(1) }, two)
  assert.deepEqual(left.data, ["b3", "a5"])
  assert.equal(left.gaps.length, 1)
})

test("a message can be published again after it was forgotten", async () => {
  const s = await stage()
  const message = { topic: "a", data: "1", id: "one", idempotencyKey: "key" }
  await s.hub.publish(message)
  await s.hub.forget("a")
  assert.deepEqual(await s.hub.publishResults([message]), [{ id: "one", repeated: false }])
  const reader = await s.connect({ topics: ["a"] }, "earliest")
  assert.deepEqual(reader.data, ["1"])
})

test("a subscriber that is catching up receives a gap once, then what follows", async () => {
  const { s } = await filled()
  const slow = await s.connect({ topics: ["a", "b"] })
  slow.room = 0
  await s.publish("a", "a4", "a5")
  await s.publish("b", "b4")
  await s.hub.forget("a")
  await s.clock.settle()
  slow.drain()
  await s.clock.settle()
  // it was full after a4
  assert.deepEqual([slow.data, slow.gaps.length], [["a4", "b4"], 1])
  await s.publish("a", "a6")
  assert.deepEqual(slow.data, ["a4", "b4", "a6"])
  assert.equal(slow.gaps.length, 1)
})

test("private entries of a topic are forgotten too, and entries with several topics only by trim", async () => {
  const { s, two } = await filled()
  const may = [{ key: "all", matches: () => true }]
  await s.hub.publish({ topic: "a", data: "private", private: true })
  await s.hub.publish({ topic: "a", also: ["b"], data: "several" })
  await s.hub.publish({ topic: "b", also: ["a"], data: "more" })
  await s.clock.settle()
  assert.equal(await s.hub.forget("a"), 4)
  await s.clock.settle()
  for (const hub of [s.hub, two]) {
    const reader = await s.connect({ topics: ["a"], may }, { after: at(1) }, hub)
    assert.deepEqual([reader.data, reader.gaps.length], [["several", "more"], 1])
    const all = await s.connect({ patterns: ["*"] }, { after: at(6) }, hub)
    assert.deepEqual(all.data, ["several", "more"])
  }
  const { last } = await s.log.bounds()
  assert.equal(await s.hub.trim({ upTo: last }), 6)
  await s.clock.settle()
  for (const hub of [s.hub, two]) {
    const reader = await s.connect({ topics: ["a", "b"] }, "earliest", hub)
    assert.deepEqual(reader.data, [])
  }
})

test("the window takes as many forgotten topics as there are, and gives their memory back", async () => {
  const s = await stage({ window: { maxEntries: 5_000 } })
  const topics = Array.from({ length: 1_200 }, (_, i) => `t${i}`)
  await s.hub.publishMany(topics.map((topic) => ({ topic, data: "x".repeat(100) })))
  await s.hub.publish({ topic: "kept", data: "1" })
  await s.clock.settle()
  assert.equal(s.hub.stats().window.chars, 120_001)
  for (const topic of topics) await s.hub.forget(topic)
  await s.clock.settle()
  for (const options of [{ topics: ["kept", "t1", "t1199"] }, { patterns: ["t*", "kept"] }]) {
    const reader = await s.connect(options, { after: at(1) })
    assert.deepEqual([reader.data, reader.gaps.length], [["1"], 1])
  }
  assert.ok(s.hub.stats().window.chars < 120_000)
})

test("users cannot publish, subscribe or forget on the topic by which processes tell each other", async () => {
  const { hub, log, clock, connect, publish } = await stage()
  const reserved = { code: "invalid_selector" }
  await assert.rejects(hub.publish({ topic: "stream.forgotten", data: "" }), reserved)
  await assert.rejects(hub.forget("stream.forgotten"), reserved)
  assert.throws(() => hub.subscribe({ topics: ["stream.forgotten"] }).open(), reserved)
  await publish("a", "1")
  for (const data of ["", "null", "[]", '{"upTo":1}', '{"upTo":"x","topics":"a"}', `{"upTo":"${at(99)}"}`]) {
    await log.append([{ topic: "stream.forgotten", data }])
    await clock.settle()
  }
  const reader = await connect({ patterns: ["*"] }, "earliest")
  assert.deepEqual(reader.data, ["1"])
})

test("mistakes are refused, and remove nothing", async () => {
  const { hub, log, publish } = await stage()
  await publish("a", "1")
  await assert.rejects(hub.forget("a", { upto: "x" } as object), /Did you mean "upTo"/)
  await assert.rejects(hub.forget("a", { upTo: at(1), before: 1 }), /not both/)
  await assert.rejects(hub.forget("a", { before: Number.NaN }), /`before` must be a time/)
  await assert.rejects(hub.forget("a", { upTo: "unknown" }), { code: "invalid_start" })
  for (const topic of ["a*", "", undefined as unknown as string]) {
    await assert.rejects(hub.forget(topic), { code: "invalid_selector" })
  }
  await assert.rejects(hub.trim({}), /hub\.forget\(topic\)/)
  assert.equal((await log.read({ after: at(0), limit: 10 })).entries.length, 1)
  const without = await stage({ log: faultyLog(), clock: createClock() })
  await assert.rejects(without.hub.forget("a"), { code: "log_unsupported" })
  await hub.close()
  await assert.rejects(hub.forget("a"), { code: "log_closed" })
})
