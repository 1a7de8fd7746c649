import assert from "node:assert/strict"
import { getEventListeners } from "node:events"
import { test } from "node:test"
import type { Hub, HubOptions } from "../../src/hub/index.ts"
import type { Log } from "../../src/log/index.ts"
import { OnwardError } from "../../src/errors.ts"
import { stage, type Stage } from "./stage.ts"

/** One of several processes on a stage's log: closing it leaves the log open, and its way to the log can be cut. */
function join({ log, another }: Stage, options: HubOptions = {}): { hub: Hub; cut: (isCut: boolean) => void } {
  let isAway = false
  const own: Log = {
    ...log,
    append: async (messages) => {
      if (isAway) throw new OnwardError("log_unavailable", "cut")
      return log.append(messages)
    },
    close: async () => {},
  }
  return { hub: another({ log: own, presence: COUNT, ...options }), cut: (isCut) => (isAway = isCut) }
}

/** These tests count at once; those of the grace period are in presence-changes.test.ts. */
const COUNT = { grace: 0 }

const on = (hub: Hub, topic = "room"): number => hub.presence.of(topic).streams

test("streams and distinct users are counted over all processes: here at once, elsewhere a second later", async () => {
  const s = await stage({ presence: COUNT })
  const two = join(s).hub
  await s.clock.pass(1_000)
  const ada = await s.connect({ topics: ["room"], userId: "ada" })
  await s.connect({ topics: ["room"], userId: "ada" }, undefined, two)
  const bob = await s.connect({ topics: ["room", "other"], userId: "bob" }, undefined, two)
  await s.connect({ topics: ["room"] }, undefined, two)
  assert.deepEqual(s.hub.presence.of("room"), { streams: 1, userIds: ["ada"] })
  await s.clock.pass(1_000)
  for (const hub of [s.hub, two]) {
    assert.deepEqual(hub.presence.of("room"), { streams: 4, userIds: ["ada", "bob"] })
    assert.deepEqual(hub.presence.of("other"), { streams: 1, userIds: ["bob"] })
    assert.deepEqual(hub.presence.of("nobody"), { streams: 0, userIds: [] })
  }
  ada.leave()
  bob.leave()
  await s.clock.pass(1_000)
  for (const hub of [s.hub, two]) assert.deepEqual(hub.presence.of("room"), { streams: 2, userIds: ["ada"] })
})

test("a process that starts later receives the whole presence, of any size", async () => {
  const s = await stage({ presence: COUNT })
  const topics = Array.from({ length: 90 }, (_, i) => `room/${i}/${"x".repeat(900)}`)
  for (let i = 0; i < 3; i++) await s.connect({ topics: topics.slice(i * 30, (i + 1) * 30) })
  for (let i = 0; i < 450; i++) await s.connect({ topics: ["crowd"], userId: `person ${i}` })
  await s.clock.pass(3_000)
  const two = join(s).hub
  await s.clock.pass(2_000)
  for (const topic of topics) assert.equal(on(two, topic), 1)
  assert.equal(two.presence.of("crowd").userIds.length, 450)
})

test("a process that closes is no longer counted, and one that becomes silent is not after three beats", async () => {
  const s = await stage({ presence: COUNT })
  const two = join(s)
  const three = join(s)
  for (const { hub } of [two, three]) await s.connect({ topics: ["room"] }, undefined, hub)
  await s.clock.pass(2_000)
  assert.equal(on(s.hub), 2)
  await two.hub.close()
  await s.clock.settle()
  assert.equal(on(s.hub), 1)
  three.cut(true)
  await s.clock.pass(9_000)
  assert.equal(on(s.hub), 1)
  await s.clock.pass(12_000)
  assert.equal(on(s.hub), 0)
  three.cut(false)
  await s.clock.pass(3_000)
  assert.equal(on(s.hub), 1)
  assert.equal(s.errors.length, 1)
})

test("while the log is unavailable no process is removed", async () => {
  const s = await stage()
  const all = [join(s), join(s)]
  const [one, two] = all as [(typeof all)[0], (typeof all)[0]]
  for (const { hub } of all) await s.connect({ topics: ["room"] }, undefined, hub)
  await s.clock.pass(2_000)
  for (const { cut } of all) cut(true)
  await s.clock.pass(60_000)
  await s.connect({ topics: ["room"] }, undefined, two.hub)
  assert.deepEqual([on(one.hub), on(two.hub)], [2, 3])
  for (const { cut } of all) cut(false)
  await s.clock.pass(2_000)
  assert.deepEqual([on(one.hub), on(two.hub)], [3, 3])
})

test("processes that had lost each other find each other again", async () => {
  const s = await stage()
  const one = join(s)
  const two = join(s)
  for (const { hub } of [one, two]) await s.connect({ topics: ["room"] }, undefined, hub)
  await s.clock.pass(2_000)
  one.cut(true)
  await s.clock.pass(30_000)
  one.cut(false)
  two.cut(true)
  await s.clock.pass(30_000)
  two.cut(false)
  await s.clock.pass(20_000)
  assert.deepEqual([on(one.hub), on(two.hub)], [2, 2])
})

test("a single process writes one entry, and a quiet one of several one every five seconds", async () => {
  const s = await stage({ presence: COUNT })
  await s.connect({ topics: ["room"] })
  await s.clock.pass(60_000)
  const count = async (): Promise<number> => {
    const { first } = await s.log.bounds()
    return (await s.log.read({ after: first, limit: 1_000 })).entries.length
  }
  assert.equal(await count(), 1)
  join(s)
  await s.clock.pass(5_000)
  const before = await count()
  await s.clock.pass(60_000)
  assert.equal((await count()) - before, 24)
})

test("no pattern matches the presence topic, and users can neither write nor read it", async () => {
  const s = await stage({ presence: COUNT })
  const two = join(s).hub
  const everything = await s.connect({ patterns: ["*"] }, "earliest")
  await s.connect({ topics: ["room"] }, undefined, two)
  await s.clock.pass(30_000)
  const late = await s.connect({ patterns: ["*", "stream.*", ":a"] }, "earliest")
  assert.deepEqual([...everything.data, ...late.data, ...everything.gaps, ...late.gaps], [])
  const reserved = { code: "invalid_selector", message: /reserved/ }
  await assert.rejects(s.hub.publish({ topic: "stream.presence", data: "" }), reserved)
  assert.throws(() => s.hub.subscribe({ topics: ["stream.presence"] }).open(), reserved)
})

test("invalid records of other programs on the presence topic are ignored", async () => {
  const s = await stage({ presence: COUNT })
  for (const data of ["", "null", "[]", '{"from":1}', '{"from":"x","complete":true,"changes":1}']) {
    await s.log.append([{ topic: "stream.presence", data }])
  }
  await s.connect({ topics: ["room"] })
  await s.clock.pass(2_000)
  assert.equal(on(s.hub), 1)
  assert.deepEqual(s.errors, [])
})

test("a follower of a topic receives each change in any process, the newest only, until the signal", async () => {
  const s = await stage({ presence: COUNT })
  const two = join(s).hub
  await s.clock.pass(2_000)
  const controller = new AbortController()
  const got: number[] = []
  const done = (async () => {
    for await (const { streams } of s.hub.presence.updates("room", controller.signal)) got.push(streams)
  })()
  await s.clock.settle()
  const here = await s.connect({ topics: ["room"] })
  await s.connect({ topics: ["elsewhere"] })
  await Promise.all([1, 2, 3].map(() => s.connect({ topics: ["room"] }, undefined, two)))
  await s.clock.pass(1_000)
  here.leave()
  await s.clock.settle()
  controller.abort()
  await done
  assert.deepEqual(got, [0, 1, 4, 3])
})

test("only requested topics are counted, and at most the limit of user ids is reported", async () => {
  const s = await stage({ presence: { patterns: ["room/*"], maxReported: 3 } })
  const two = join(s).hub
  await s.clock.pass(1_000)
  await s.connect({ topics: ["room/1", "news"], userId: "ada" })
  await s.connect({ topics: ["room/2"] })
  await s.connect({ topics: ["room/3"], userId: "bob" })
  await s.clock.pass(2_000)
  assert.deepEqual([on(s.hub, "room/1"), on(s.hub, "news"), on(s.hub, "room/3")], [1, 0, 1])
  assert.deepEqual([on(two, "room/1"), on(two, "news"), on(two, "room/3")], [1, 0, 0])
  assert.deepEqual(
    s.errors.map((error) => (error as OnwardError).code),
    ["presence_too_large"],
  )
})

test("presence of a hub without it throws, and says how to enable it", async () => {
  const { hub } = await stage()
  assert.throws(() => hub.presence.of("room"), /createHub\(\{ presence: true \}\)/)
  assert.throws(() => hub.subscribe({ topics: ["room"], userId: "" }).open(), /`userId` must be/)
})

test("what a process reports is bounded at a time: who leaves makes room for others", async () => {
  const s = await stage({ presence: { ...COUNT, maxReported: 3 } })
  const two = join(s).hub
  await s.clock.pass(2_000)
  const enter = (topic: string, userId?: string) => s.connect({ topics: [topic], ...(userId && { userId }) })
  const users = (topic: string) => two.presence.of(topic).userIds
  let [ada, bob] = [await enter("a", "ada"), await enter("a", "bob")]
  // the same user again takes no more room
  const again = await enter("a", "ada")
  await s.clock.pass(1_000)
  assert.deepEqual([users("a"), s.errors], [["ada", "bob"], []])
  // a user for a user
  bob.leave()
  again.leave()
  bob = await enter("a", "eve")
  await s.clock.pass(1_000)
  assert.deepEqual([users("a"), s.errors], [["ada", "eve"], []])
  // a topic for a topic
  ada.leave()
  bob.leave()
  ada = await enter("b", "ada")
  bob = await enter("b")
  await s.clock.pass(1_000)
  assert.deepEqual([users("b"), on(two, "a"), on(two, "b"), s.errors], [["ada"], 0, 2, []])
  const topic = await enter("c")
  await s.clock.pass(1_000)
  assert.deepEqual([on(two, "c"), s.errors], [1, []])
  // one too many: those before it stay
  const fifth = await enter("b", "kim")
  await s.clock.pass(1_000)
  assert.deepEqual([users("b"), on(two, "b"), s.errors.length], [["ada"], 3, 1])
  // a complete report to a new process is counted from the start
  topic.leave()
  fifth.leave()
  const three = join(s).hub
  await s.clock.pass(3_000)
  assert.deepEqual([three.presence.of("b"), s.errors.length], [{ streams: 2, userIds: ["ada"] }, 1])
})

test("users who leave or change between two reports are told apart", async () => {
  const s = await stage({ presence: COUNT })
  const two = join(s).hub
  await s.clock.pass(2_000)
  const first = await s.connect({ topics: ["room"], userId: "ada" })
  const second = await s.connect({ topics: ["room"], userId: "ada" })
  await s.connect({ topics: ["room"], userId: "bob" })
  await s.clock.pass(1_000)
  first.leave()
  await s.clock.pass(1_000)
  assert.deepEqual(two.presence.of("room"), { streams: 2, userIds: ["ada", "bob"] })
  second.leave()
  await s.connect({ topics: ["room"], userId: "cay" })
  await s.clock.pass(1_000)
  for (const { presence } of [s.hub, two])
    assert.deepEqual(presence.of("room"), { streams: 2, userIds: ["bob", "cay"] })
})

test("each trouble with the log is reported once, until a report succeeds", async () => {
  const s = await stage()
  const one = join(s)
  join(s)
  const stream = await s.connect({ topics: ["room"] }, undefined, one.hub)
  await s.clock.pass(2_000)
  for (let time = 1; time <= 2; time++) {
    one.cut(true)
    await s.clock.pass(20_000)
    assert.equal(s.errors.length, time)
    one.cut(false)
    await s.clock.pass(6_000)
  }
  stream.leave()
})

test("updates end when the hub closes or their signal aborts, and leave nothing behind", async () => {
  const s = await stage({ presence: true })
  const { signal } = new AbortController()
  for (const end of ["return", "close"]) {
    const updates = s.hub.presence.updates("room", signal)
    await updates.next()
    const next = updates.next()
    if (end === "close") await s.hub.close()
    else {
      await s.connect({ topics: ["room"] })
      assert.equal((await next).value?.streams, 1)
      await updates.return()
    }
    if (end === "close") assert.equal((await next).done, true)
    assert.equal(getEventListeners(signal, "abort").length, 0)
  }
  assert.equal((await s.hub.presence.updates("room", AbortSignal.abort()).next()).done, true)
  assert.equal(s.clock.timers, 0)
})

test("a process that was the only one writes nothing when it closes", async () => {
  const s = await stage()
  const one = join(s).hub
  await s.connect({ topics: ["room"] }, undefined, one)
  await s.clock.pass(10_000)
  const { last } = await s.log.bounds()
  await one.close()
  assert.equal((await s.log.bounds()).last, last)
})
