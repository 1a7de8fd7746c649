import assert from "node:assert/strict"
import { test } from "node:test"
import { LossTracker } from "../../src/hub/loss-tracker.ts"
import { memoryLog, type Loss } from "../../src/log/index.ts"
import { at, stage, type Stage, type StageOptions } from "./stage.ts"

/** Too small to serve anyone, so that the log must be asked. */
const window = { maxEntries: 1 }

test("entries that retention removed after the cursor are announced before those still kept", async () => {
  const { connect, publish } = await stage({ window, retention: { count: 3 } })
  await publish("a", "1", "2", "3", "4", "5", "6")
  const client = await connect({ topics: ["a"] }, { after: at(1) })
  assert.deepEqual(client.events.slice(0, 2), [
    { event: "stream.gap", data: JSON.stringify({ reason: "trimmed", from: at(1), to: at(3) }) },
    { id: at(4), data: "4" },
  ])
  assert.deepEqual(client.data, ["4", "5", "6"])
  assert.equal(client.gaps.length, 1)
})

test("a gap has the client's cursor unchanged, a publisher's id too", async () => {
  const { connect, hub, publish } = await stage({ window, retention: { topic: { count: 1 } } })
  await hub.publish({ topic: "marks", data: "", id: "mark" })
  await publish("a", "1", "2", "3")
  const client = await connect({ topics: ["a", "marks"] }, { after: "mark" })
  assert.deepEqual(client.gaps, [{ reason: "trimmed", from: "mark", to: at(3) }])
  assert.deepEqual(client.data, ["3"])
})

test("a quiet topic has no gap, although other topics lost entries", async () => {
  const { connect, publish } = await stage({ window, retention: { count: 3 } })
  await publish("quiet", "once")
  const client = await connect({ topics: ["quiet"] })
  const place = client.lastEventId ?? ""
  client.leave()
  await publish("busy", "1", "2", "3", "4", "5", "6")
  for (const options of [{ topics: ["quiet"] }, { patterns: ["quiet*"] }, { topics: ["never", "quiet"] }]) {
    const back = await connect(options, { after: place })
    assert.deepEqual(back.events, [], JSON.stringify(options))
  }
  const pattern = await connect({ patterns: ["b*"] }, { after: place })
  assert.deepEqual(pattern.gaps, [{ reason: "trimmed", from: place, to: at(4) }])
})

test("an id of more than 1,000 topics is a gap for a pattern, which can match any of them, and exact for topics", async () => {
  const { clock, connect, hub, publish } = await stage({ window })
  const publishOn = (from: number, to: number): Promise<unknown> =>
    hub.publishMany(Array.from({ length: to - from }, (_, i) => ({ topic: `t${from + i}`, data: "", id: "same" })))
  await publishOn(0, 1_000)
  await publish("t5", "new")
  const exact = await connect({ patterns: ["t5*"] }, { after: "same" })
  assert.deepEqual([exact.gaps, exact.data.at(-1)], [[], "new"])
  await publishOn(1_000, 1_001)
  // the position of an id that was found is shared for a moment
  await clock.pass(2_000)
  for (const options of [{ patterns: ["t5*"] }, { topics: ["none"], patterns: ["t5*"] }]) {
    const client = await connect(options, { after: "same" })
    assert.deepEqual(client.gaps, [{ reason: "unknown", from: "same", to: at(0) }])
    assert.equal(client.data.length, 112, "each kept entry that it asked for follows")
    const live = await connect({ ...options, unknownId: "live" }, { after: "same" })
    assert.deepEqual([live.gaps.length, live.data], [1, []])
  }
  const named = await connect({ topics: ["t5"] }, { after: "same" })
  assert.deepEqual([named.gaps, named.data], [[], ["new"]])
})

test("a cursor just before the oldest kept entry has no gap", async () => {
  const { connect, publish } = await stage({ window, retention: { count: 3 } })
  await publish("a", "1", "2", "3", "4", "5", "6")
  const client = await connect({ topics: ["a"] }, { after: at(3) })
  assert.deepEqual(client.gaps, [])
  assert.deepEqual(client.data, ["4", "5", "6"])
})

test("entries that the log removed and the window still has are delivered, without a gap", async () => {
  const { connect, publish } = await stage({ retention: { count: 1 } })
  await publish("a", "1", "2", "3", "4")
  const client = await connect({ topics: ["a"] }, { after: at(1) })
  assert.deepEqual(client.gaps, [])
  assert.deepEqual(client.data, ["2", "3", "4"])
})

test("a cursor of another epoch is a gap, and all kept entries follow", async () => {
  const { connect, publish } = await stage()
  await publish("a", "1", "2")
  const client = await connect({ topics: ["a"] }, { after: "otherlif~15" })
  assert.deepEqual(client.gaps, [{ reason: "epoch", from: "otherlif~15", to: at(0) }])
  assert.deepEqual(client.data, ["1", "2"])
  assert.deepEqual(client.events[0]?.event, "stream.gap")
})

test("an unknown id is a gap, and all kept entries follow", async () => {
  const { connect, publish } = await stage()
  await publish("a", "1", "2")
  const client = await connect({ topics: ["a"] }, { after: "who knows" })
  assert.deepEqual(client.gaps, [{ reason: "unknown", from: "who knows", to: at(0) }])
  assert.deepEqual(client.data, ["1", "2"])
})

test("a position newer than the log is a gap, and new entries follow", async () => {
  const { connect, publish } = await stage()
  await publish("a", "1", "2")
  const client = await connect({ topics: ["a"] }, { after: at(999) })
  assert.deepEqual(client.gaps, [{ reason: "unknown", from: at(999), to: at(2) }])
  await publish("a", "3")
  assert.deepEqual(client.data, ["3"])
})

/** A stage whose log can begin again. */
async function beginningAgain(options: StageOptions = {}): Promise<Stage & { beginAgain(): Promise<void> }> {
  let current = memoryLog({ epoch: "life0000" })
  const wakes = new Set<() => void>()
  const log: typeof current = {
    append: (messages) => current.append(messages),
    read: (query) => current.read(query),
    bounds: () => current.bounds(),
    locate: (landmark) => current.locate(landmark),
    async watch(wake) {
      wakes.add(wake)
      return async () => void wakes.delete(wake)
    },
    close: () => current.close(),
  }
  const on = await stage({ ...options, log })
  return {
    ...on,
    async beginAgain() {
      current = memoryLog({ epoch: "life0001" })
      await current.append([{ topic: "a", data: "3" }])
      for (const wake of wakes) wake()
      await on.clock.settle()
    },
  }
}

test("open streams receive a gap when a log begins a new epoch under a running hub", async () => {
  const { beginAgain, connect, publish } = await beginningAgain()
  const client = await connect({ topics: ["a"] })
  const newest = await connect({ topics: ["a"], newestOnly: true })
  await publish("a", "1", "2")
  await beginAgain()
  assert.deepEqual(newest.data, ["1", "2", "3"])
  assert.deepEqual(client.gaps, [{ reason: "epoch", from: at(2), to: "life0001~10" }])
  assert.deepEqual(client.data, ["1", "2", "3"])
})

test("a stream that `observe` disconnects when a new epoch begins, itself or another, receives nothing more", async () => {
  for (const which of ["itself", "another"]) {
    const on = await beginningAgain({
      observe(seen) {
        if (seen.type === "fell_behind") on.hub.disconnect(which === "itself" ? seen.id : seen.id === "1" ? "2" : "1")
      },
    })
    const clients = [await on.connect({ topics: ["a"] }), await on.connect({ topics: ["a"] })]
    await on.beginAgain()
    const ended = clients.filter(({ closed }) => closed !== undefined)
    assert.equal(ended.length, which === "itself" ? 2 : 1)
    for (const { data, gaps } of ended) assert.deepEqual([data, gaps], [[], []])
    assert.equal(on.hub.stats().connections, 2 - ended.length)
  }
})

test("control events have no id, except the one at the end", async () => {
  const { connect, publish, hub, clock } = await stage({ window, retention: { count: 1 } })
  await publish("a", "1", "2", "3")
  const client = await connect({ topics: ["a"], until: ({ data }) => data === "end" }, { after: at(1) })
  await hub.publish({ topic: "a", data: "end" })
  await clock.settle()
  const control = client.events.filter(({ event }) => event?.startsWith("stream."))
  assert.deepEqual(
    control.map(({ event, id }) => [event, id]),
    [
      ["stream.gap", undefined],
      ["stream.end", "stream.end"],
    ],
  )
})

const trimmed = (losses: Readonly<Record<string, number>>): Loss => ({
  reason: "trimmed",
  to: at(Math.max(...Object.values(losses))),
  topics: new Map(Object.entries(losses).map(([topic, to]) => [topic, at(to)])),
})

test("each loss of a topic counts once, and only after what a stream has", () => {
  const losses = new LossTracker({ given: "mine" })
  assert.equal(losses.missed(trimmed({ a: 3, b: 3 }), at(3)), undefined)
  assert.equal(losses.given, "mine", "nothing was missed")
  assert.equal(losses.missed(trimmed({ a: 5, b: 7, c: 6 }), at(3)), at(7))
  assert.equal(losses.given, undefined)
  assert.equal(losses.missed(trimmed({ a: 5, b: 7 }), at(3)), undefined)
  assert.equal(losses.missed(trimmed({ a: 8, b: 7 }), at(3)), at(8))
  assert.equal(losses.missed({ reason: "trimmed", to: at(9) }, at(3)), at(9), "of all topics")
  assert.equal(losses.missed({ reason: "trimmed", to: at(9) }, at(3)), undefined)
  // a new epoch begins with other positions
  assert.equal(losses.missed({ reason: "epoch", to: at(1) }, at(3)), at(1))
  assert.equal(losses.missed(trimmed({ a: 5 }), at(3)), at(5))
})

test("what was removed before a start was found is forgiven for its first read, and what is removed later is not", () => {
  const isForgiven = (losses: LossTracker): boolean => losses.missed(trimmed({ a: 5 }), at(3)) === undefined
  assert.equal(isForgiven(new LossTracker({ forgiven: at(5) })), true)
  assert.equal(isForgiven(new LossTracker({ forgiven: at(4) })), false)
  const read = new LossTracker({ forgiven: at(5), given: "mine" })
  read.hasRead()
  assert.equal(read.given, "mine")
  assert.equal(isForgiven(read), false)
  const before = new LossTracker({ forgiven: at(5) })
  assert.equal(isForgiven(before), true)
  assert.equal(before.missed(trimmed({ a: 6 }), at(3)), at(6))
})

test("an epoch that begins before the first read took nothing from a start before everything", () => {
  const epoch: Loss = { reason: "epoch", to: at(2) }
  for (const [start, hasRead, expected] of [
    [{ isFirst: true }, false, undefined],
    [{ isFirst: true }, true, at(2)],
    [{}, false, at(2)],
  ] as const) {
    const losses = new LossTracker(start)
    if (hasRead) losses.hasRead()
    assert.equal(losses.missed(epoch, at(1)), expected)
    assert.equal(losses.missed(epoch, at(1)), at(2), "the next one counts")
  }
  assert.equal(new LossTracker({ isFirst: true }).missed({ reason: "unknown", to: at(2) }, at(1)), at(2))
})
