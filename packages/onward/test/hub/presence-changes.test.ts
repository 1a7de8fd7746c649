import assert from "node:assert/strict"
import { test } from "node:test"
import type { Hub, PresenceChange, PresenceOptions, WatchedTopics } from "../../src/hub/index.ts"
import { MergedPresence } from "../../src/hub/presence/merged.ts"
import type { Log } from "../../src/log/index.ts"
import { createClock } from "../../src/testing/index.ts"
import { stage, type Stage } from "./stage.ts"

/** Another process on the stage's log: closing it leaves the log open. */
const join = ({ log, another }: Stage, presence: PresenceOptions | true = true): Hub =>
  another({ log: { ...log, close: async () => {} } satisfies Log, presence })

/** The changes of these topics that a process is told from now on. */
function watch(hub: Hub, topics: WatchedTopics = { patterns: ["*"] }): { heard: string[]; stop: () => void } {
  const heard: string[] = []
  const stop = hub.presence.watch(topics, ({ kind, topic, userId, streams }: PresenceChange) => {
    heard.push([kind, topic, ...(userId === undefined ? [] : [userId]), streams].join(" "))
  })
  return { heard, stop }
}

test("a page that is reloaded does not leave, and joins only once", async () => {
  const s = await stage({ presence: true })
  const { heard } = watch(s.hub)
  const states: number[] = []
  void (async () => {
    for await (const { streams } of s.hub.presence.updates("room")) states.push(streams)
  })()
  const page = await s.connect({ topics: ["room"], userId: "ada" })
  assert.deepEqual(heard, ["occupied room 1", "joined room ada 1"])
  page.leave()
  await s.clock.pass(150)
  assert.deepEqual(s.hub.presence.of("room"), { streams: 1, userIds: ["ada"] })
  const again = await s.connect({ topics: ["room"], userId: "ada" })
  await s.clock.pass(60_000)
  assert.deepEqual(heard, ["occupied room 1", "joined room ada 1"])
  assert.deepEqual(states, [0, 1])
  again.leave()
  await s.clock.pass(2_999)
  assert.equal(heard.length, 2)
  await s.clock.pass(1)
  assert.deepEqual(heard.slice(2), ["left room ada 0", "vacated room 0"])
  assert.deepEqual(states, [0, 1, 0])
  assert.deepEqual(s.hub.presence.of("room"), { streams: 0, userIds: [] })
})

test("a reload that reaches another process is no leave either", async () => {
  const s = await stage({ presence: true })
  const two = join(s)
  await s.clock.pass(2_000)
  const watched = [s.hub, two].map((hub) => watch(hub).heard)
  const page = await s.connect({ topics: ["room"], userId: "ada" })
  await s.clock.pass(5_000)
  page.leave()
  await s.clock.pass(150)
  const again = await s.connect({ topics: ["room"], userId: "ada" }, undefined, two)
  await s.clock.pass(30_000)
  for (const heard of watched) assert.deepEqual(heard, ["occupied room 1", "joined room ada 1"])
  again.leave()
  await s.clock.pass(5_000)
  for (const heard of watched) assert.deepEqual(heard.slice(2), ["left room ada 0", "vacated room 0"])
})

test("a topic is vacated when the last process has no stream on it, once in each process that watches", async () => {
  const s = await stage({ presence: true })
  const two = join(s)
  const three = join(s)
  await s.clock.pass(2_000)
  const watched = [s.hub, two, three].map((hub) => watch(hub, { topics: ["room"] }).heard)
  const ada = await s.connect({ topics: ["room", "elsewhere"], userId: "ada" })
  const bob = await s.connect({ topics: ["room"], userId: "bob" }, undefined, two)
  await s.clock.pass(2_000)
  ada.leave()
  await s.clock.pass(10_000)
  bob.leave()
  await s.clock.pass(10_000)
  for (const heard of watched) {
    assert.deepEqual(heard.map((change) => change.replace(/ \d$/, "")).sort(), [
      "joined room ada",
      "joined room bob",
      "left room ada",
      "left room bob",
      "occupied room",
      "vacated room",
    ])
    assert.equal(heard[0]?.startsWith("occupied"), true)
    assert.deepEqual(heard.slice(-3), ["left room ada 1", "left room bob 0", "vacated room 0"])
  }
})

test("streams of a process that ends, and that reconnect elsewhere, have not left", async () => {
  const s = await stage({ presence: true })
  const two = join(s)
  await s.clock.pass(2_000)
  const { heard } = watch(s.hub)
  for (const userId of ["ada", "bob"]) await s.connect({ topics: ["room"], userId }, undefined, two)
  await s.clock.pass(2_000)
  heard.length = 0
  await two.close()
  await s.clock.pass(1_000)
  assert.equal(s.hub.presence.of("room").streams, 2)
  await s.connect({ topics: ["room"], userId: "ada" })
  await s.clock.pass(10_000)
  assert.deepEqual(heard, ["left room bob 1"])
})

test("a number of streams that falls is reported after the grace period, and one that rises at once", async () => {
  const s = await stage({ presence: { grace: 1_000 } })
  const streams = await Promise.all(Array.from({ length: 10 }, () => s.connect({ topics: ["room"] })))
  const count = (): number => s.hub.presence.of("room").streams
  for (const stream of streams.slice(0, 4)) stream.leave()
  await s.clock.pass(500)
  assert.equal(count(), 10)
  await s.connect({ topics: ["room"] })
  assert.equal(count(), 10)
  streams[4]?.leave()
  await s.clock.pass(500)
  assert.equal(count(), 7)
  await s.clock.pass(500)
  assert.equal(count(), 6)
  await s.connect({ topics: ["room"] })
  assert.equal(count(), 7)
})

test("a listener that comes later is told what is present, one that has stopped nothing", async () => {
  const s = await stage({ presence: { grace: 0 } })
  const ada = await s.connect({ topics: ["room/1"], userId: "ada" })
  await s.connect({ topics: ["room/1"] })
  await s.connect({ topics: ["news"] })
  const early = watch(s.hub, { patterns: ["room/:id"] })
  assert.deepEqual(early.heard, ["occupied room/1 2", "joined room/1 ada 2"])
  // a topic that is named and matches too is reported once
  const both = watch(s.hub, { topics: ["room/1"], patterns: ["room/*"] })
  early.stop()
  ada.leave()
  await s.clock.settle()
  assert.deepEqual(early.heard.length, 2)
  assert.deepEqual(both.heard.slice(2), ["left room/1 ada 1"])
})

test("a listener that throws is reported, and stops neither the hub nor other listeners", async () => {
  const s = await stage({ presence: true })
  s.hub.presence.watch({ topics: ["room"] }, () => {
    throw new Error("mine")
  })
  s.hub.presence.watch({ topics: ["room"] }, async () => {
    throw new Error("mine later")
  })
  const { heard } = watch(s.hub)
  await s.connect({ topics: ["room"] })
  assert.deepEqual(heard, ["occupied room 1"])
  assert.deepEqual(
    s.errors.map((error) => (error as Error).message),
    ["mine", "mine later"],
  )
})

test("a process that loses part of the reports hears no leave and join", async () => {
  const s = await stage({ presence: true, retention: { topic: { count: 3 } } })
  const two = join(s)
  await s.clock.pass(2_000)
  for (const userId of ["ada", "bob"]) await s.connect({ topics: ["room"], userId }, undefined, two)
  await s.clock.pass(2_000)
  const { heard } = watch(s.hub)
  heard.length = 0
  // a complete report replaces the earlier ones
  join(s)
  await s.clock.pass(10_000)
  assert.deepEqual(heard, [])
})

test("mistakes in what is watched are refused", async () => {
  const { hub } = await stage({ presence: true })
  const ignore = (): void => {}
  assert.throws(() => hub.presence.watch({ topic: ["room"] } as WatchedTopics, ignore), /Did you mean "topics"/)
  assert.throws(() => hub.presence.watch({ topics: "room" } as never, ignore), /`topics` must be an array/)
  assert.throws(() => hub.presence.watch({ patterns: ["a**"] }, ignore), { code: "invalid_selector" })
  assert.throws(() => hub.presence.watch({ topics: ["room"] }, undefined as never), /`listener` must be a function/)
  await assert.rejects(stage({ presence: { grace: -1 } }), /`presence.grace` must be a number, 0 or more/)
  const { hub: without } = await stage()
  assert.throws(() => without.presence.watch({ topics: ["room"] }, ignore), /Presence is disabled/)
})

for (const disconnect of ["together", "apart"] as const) {
  test(`users that disconnect ${disconnect} leave in many turns of the event loop, and all of them`, async () => {
    const s = await stage({ presence: true, limits: { connections: 5_000, connectionsPerKey: 5_000 } })
    const users = 3_500
    const streams = await Promise.all(
      Array.from({ length: users }, (_, i) => s.connect({ topics: ["room"], userId: `user ${i}` })),
    )
    let left = 0
    let most = 0
    let inTurn = 0
    s.hub.presence.watch({ topics: ["room"] }, ({ kind }) => {
      if (kind !== "left") return
      left++
      if (inTurn === 0) setImmediate(() => (inTurn = 0))
      most = Math.max(most, ++inTurn)
    })
    for (const [i, stream] of streams.entries()) {
      stream.leave()
      if (disconnect === "apart" && i % 500 === 0) await s.clock.pass(1)
    }
    await s.clock.pass(10_000)
    assert.equal(left, users)
    assert.ok(most <= 1_000, `${most} users left in one turn`)
    assert.deepEqual(s.hub.presence.of("room"), { streams: 0, userIds: [] })
    assert.equal(s.clock.timers, 1)
  })
}

test("the users of a topic are not listed again for each reader", async () => {
  const s = await stage({ presence: true })
  await s.connect({ topics: ["room"], userId: "bob" })
  await s.connect({ topics: ["room"], userId: "ada" })
  const { userIds } = s.hub.presence.of("room")
  await s.connect({ topics: ["room"], userId: "ada" })
  assert.equal(s.hub.presence.of("room").userIds, userIds)
})

/** The presence of one topic, as reports come in. Turns end when the test says so. */
function merging({ grace }: { readonly grace: number }) {
  const clock = createClock()
  const turns: (() => void)[] = []
  const heard: string[] = []
  const states: string[] = []
  const merged = new MergedPresence({
    clock: { ...clock, turn: (run) => void turns.push(run) },
    grace,
    onState: (topic) => void states.push(topic),
    onChange: ({ kind, userId = "", streams }) => void heard.push(`${kind} ${userId} ${streams}`),
  })
  const endTurn = (): void => turns.splice(0).forEach((run) => run())
  const apply = (streams: number, came: readonly string[] = [], went: readonly string[] = []): void =>
    merged.apply({ topic: "room", streams, came, went })
  const count = (): number => merged.of("room").streams
  return { clock, merged, turns, heard, states, endTurn, apply, count }
}

test("all changes of one turn count together", async () => {
  const { turns, heard, states, endTurn, apply } = merging({ grace: 0 })
  apply(2, ["ada", "bob"])
  apply(-1, [], ["bob"])
  apply(1, ["bob"])
  apply(-1, [], ["ada"])
  assert.equal(turns.length, 1)
  endTurn()
  assert.deepEqual([heard.sort(), states], [["joined bob 1", "occupied  1"], ["room"]])
  apply(-1, [], ["bob"])
  apply(1, ["bob"])
  endTurn()
  apply(1)
  apply(-1)
  endTurn()
  assert.equal(heard.length, 2)
  apply(1)
  apply(-2, [], ["bob"])
  endTurn()
  assert.deepEqual(heard.slice(2), ["left bob 0", "vacated  0"])
})

test("a topic is not vacated if it was never told as occupied", () => {
  const { heard, states, endTurn, apply, merged } = merging({ grace: 0 })
  apply(1, ["ada"])
  apply(-1, [], ["ada"])
  endTurn()
  assert.deepEqual([heard, states, [...merged.told(() => true)]], [[], ["room"], []])
})

test("a user of two processes leaves with the second, after the grace period from then", async () => {
  const { clock, heard, endTurn, apply, merged } = merging({ grace: 1_000 })
  apply(1, ["ada"])
  apply(1, ["ada"])
  apply(1)
  endTurn()
  apply(-1, [], ["ada"])
  endTurn()
  await clock.pass(5_000)
  assert.deepEqual(merged.of("room").userIds, ["ada"])
  apply(-1, [], ["ada"])
  endTurn()
  await clock.pass(999)
  assert.deepEqual(merged.of("room"), { streams: 2, userIds: ["ada"] })
  await clock.pass(1)
  assert.deepEqual(merged.of("room"), { streams: 1, userIds: [] })
  assert.deepEqual(heard, ["occupied  3", "joined ada 3", "left ada 1"])
})

test("users of a topic leave before it is vacated, although their grace period began a moment later", async () => {
  const { clock, heard, endTurn, apply } = merging({ grace: 1_000 })
  apply(1, ["ada"])
  endTurn()
  apply(-1, [], ["ada"])
  await clock.pass(5)
  endTurn()
  await clock.pass(994)
  assert.equal(heard.length, 2)
  await clock.pass(1)
  assert.deepEqual(heard.slice(2), ["left ada 0", "vacated  0"])
})

test("a user who returns within the grace period stays for another one", async () => {
  const { clock, heard, endTurn, apply } = merging({ grace: 1_000 })
  apply(2, ["ada"])
  endTurn()
  for (let i = 0; i < 3; i++) {
    apply(0, [], ["ada"])
    endTurn()
    await clock.pass(900)
    apply(0, ["ada"])
    endTurn()
    await clock.pass(900)
  }
  assert.deepEqual(heard, ["occupied  2", "joined ada 2"])
})

test("numbers of streams that fall one after the other are held, the last exactly, the others to a sixteenth", async () => {
  const { clock, endTurn, apply, count } = merging({ grace: 1_600 })
  apply(5)
  endTurn()
  const fall = async (wait: number): Promise<void> => {
    await clock.pass(wait)
    apply(-1)
    endTurn()
  }
  await fall(0)
  await fall(99)
  await fall(1)
  await fall(50)
  await fall(50)
  assert.equal(count(), 5)
  await clock.pass(1_399)
  assert.equal(count(), 5)
  // held for the first, and with it for the second
  await clock.pass(1)
  assert.equal(count(), 3)
  await clock.pass(99)
  assert.equal(count(), 3)
  await clock.pass(1)
  assert.equal(count(), 1)
  await clock.pass(100)
  assert.equal(count(), 0)
  assert.equal(clock.timers, 0)
})

test("nothing is told after presence is closed, and no timer is left", async () => {
  for (const isLater of [false, true]) {
    const { clock, heard, endTurn, apply, merged } = merging({ grace: 1_000 })
    apply(1)
    if (isLater) {
      endTurn()
      apply(-1)
      endTurn()
      heard.length = 0
    }
    merged.close()
    endTurn()
    await clock.pass(5_000)
    assert.deepEqual([heard, clock.timers], [[], 0])
  }
})
