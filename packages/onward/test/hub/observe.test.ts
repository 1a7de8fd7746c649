import assert from "node:assert/strict"
import { test } from "node:test"
import type { HubObservation } from "../../src/hub/index.ts"
import { memoryLog } from "../../src/log/index.ts"
import { createClock } from "../../src/testing/index.ts"
import { faultyLog, unavailable } from "./faulty-log.ts"
import { Recorder } from "./recorder.ts"
import { at, stage, type Stage, type StageOptions } from "./stage.ts"

type Type = HubObservation["type"]

interface Observed extends Stage {
  readonly seen: HubObservation[]
  of<T extends Type>(type: T): Extract<HubObservation, { type: T }>[]
}

async function observed(options: StageOptions = {}): Promise<Observed> {
  const seen: HubObservation[] = []
  const on = await stage({ ...options, observe: (observation) => seen.push(observation) })
  const of = <T extends Type>(type: T) =>
    seen.filter((each): each is Extract<HubObservation, { type: T }> => each.type === type)
  return { ...on, seen, of }
}

const types = (seen: readonly HubObservation[]): Type[] => seen.map(({ type }) => type).filter((type) => type !== "log")

test("a stream is reported from its opening to its end, with what it was sent", async () => {
  const { clock, connect, publish, seen, of } = await observed()
  const client = await connect({ topics: ["a"], patterns: ["b*"], label: "feed", limitKey: "1.2.3.4", userId: "ada" })
  await publish("a", "é")
  await clock.pass(1_000)
  client.leave()
  assert.deepEqual(types(seen), ["opened", "resumed", "published", "delivered", "closed"])
  const [opened] = of("opened")
  assert.deepEqual(opened, {
    type: "opened",
    id: "1",
    label: "feed",
    topics: ["a"],
    patterns: ["b*"],
    userId: "ada",
    limitKey: "1.2.3.4",
  })
  assert.deepEqual(of("resumed"), [{ type: "resumed", id: "1", label: "feed", outcome: "live" }])
  const sent = Buffer.byteLength(client.frames.map(({ text }) => text).join(""))
  const lifetime = of("closed")[0]?.lifetime ?? 0
  assert.ok(lifetime >= 1_000 && lifetime < 2_000, String(lifetime))
  assert.deepEqual(of("closed"), [
    { type: "closed", id: "1", label: "feed", reason: "client", lifetime, entries: 1, bytes: sent },
  ])
})

test("a stream that is full amid its last entries is not counted twice for the others", async () => {
  const { clock, connect, hub, of } = await observed()
  const client = await connect({ topics: ["a"], until: ({ data }) => data.startsWith("3") })
  client.room = 1
  // a part each
  await hub.publishMany(["1", "2", "3"].map((digit) => ({ topic: "a", data: digit.repeat(70_000) })))
  await clock.settle()
  assert.equal(client.data.length, 1)
  client.drain()
  await clock.settle()
  assert.equal(client.data.length, 3)
  const sent = Buffer.byteLength(client.frames.map(({ text }) => text).join(""))
  const [{ entries, bytes, reason } = assert.fail("it is still open")] = of("closed")
  assert.deepEqual({ entries, bytes, reason }, { entries: 3, bytes: sent, reason: "ended" })
})

test("each end of a stream has its reason", async () => {
  const abort = new AbortController()
  const reasons: Record<string, (on: Observed, client: Recorder, id: string) => unknown> = {
    client: (_, client) => client.leave(),
    ended: ({ publish }) => publish("a", "last"),
    max_age: ({ clock }) => clock.pass(60_000),
    stalled: async ({ clock, publish }, client) => {
      client.room = 1
      await publish("a", "too much")
      await clock.pass(30_000)
    },
    drain: ({ hub }) => void hub.drain({ duration: 0 }),
    disconnected: ({ hub }, _, id) => assert.ok(hub.disconnect(id)),
    expired: () => abort.abort("expired"),
  }
  for (const [reason, end] of Object.entries(reasons)) {
    const on = await observed({
      maxStreamAge: reason === "max_age" ? 40_000 : Infinity,
      stallTimeout: 20_000,
    })
    const client = await on.connect({
      topics: ["a"],
      ...(reason === "expired" && { signal: abort.signal }),
      ...(reason === "ended" && { until: ({ data }) => data === "last" }),
    })
    await end(on, client, on.hub.streams()[0]?.id ?? "")
    await on.clock.settle()
    assert.deepEqual(
      on.of("closed").map((closed) => closed.reason),
      [reason],
    )
    assert.deepEqual(on.hub.streams(), [])
  }
})

test("closing the hub, an abort without a reason and a broken log are reasons too", async () => {
  const closing = await observed()
  await closing.connect({ topics: ["a"] })
  await closing.hub.close()
  assert.equal(closing.of("closed")[0]?.reason, "drain")

  const aborted = await observed()
  const abort = new AbortController()
  await aborted.connect({ topics: ["a"], signal: abort.signal })
  abort.abort()
  await aborted.clock.settle()
  assert.equal(aborted.of("closed")[0]?.reason, "aborted")

  const clock = createClock()
  const log = faultyLog(memoryLog({ clock, epoch: "life0000" }))
  const broken = await observed({ log, clock })
  await broken.connect({ topics: ["a"] })
  log.failure = new TypeError("a bug of the driver")
  void broken.hub
    .subscribe({ topics: ["a"] })
    .open({ since: 1 })
    .start(new Recorder())
  await broken.clock.pass(5_000)
  assert.deepEqual(
    broken.of("closed").map(({ reason }) => reason),
    ["error", "error"],
  )
})

test("a stream says how it started", async () => {
  const on = await observed({ retention: { count: 5 }, window: { maxEntries: 2 } })
  await on.publish("a", ...Array.from({ length: 8 }, (_, i) => String(i)))
  await on.connect({ topics: ["a"] })
  await on.connect({ topics: ["a"] }, { after: at(7) })
  await on.connect({ topics: ["a"] }, { after: at(4) })
  await on.connect({ topics: ["a"] }, { after: at(1) })
  await on.connect({ topics: ["a"] }, { after: "life0001~15" })
  await on.connect({ topics: ["a"] }, { after: "never given out" })
  await on.connect({ topics: ["a"] }, "earliest")
  await on.connect({ topics: ["a"] }, { last: 2 })
  const outcomes = ["live", "exact", "exact", "gap_trimmed", "gap_epoch", "gap_unknown", "earliest", "history"]
  assert.deepEqual(
    on.of("resumed").map(({ id, outcome }) => [id, outcome]),
    outcomes.map((outcome, i) => [String(i + 1), outcome]),
  )
  assert.deepEqual(
    on.hub.streams().map(({ outcome }) => outcome),
    outcomes,
  )
  assert.deepEqual(
    on.of("gap").map(({ id, reason }) => [id, reason]),
    [
      ["4", "trimmed"],
      ["5", "epoch"],
      ["6", "unknown"],
    ],
  )
  const replayed = (id: string): unknown[] =>
    on.of("replayed").flatMap((each) => (each.id === id ? [[each.source, each.entries]] : []))
  assert.deepEqual(replayed("2"), [["window", 1]])
  assert.equal(replayed("3").flat().includes("log"), true)
  assert.deepEqual(
    on.of("caught_up").map(({ id }) => id),
    ["2", "3", "4", "5", "6", "7", "8"],
  )
})

test("a slow client is seen to fall behind, and to catch up", async () => {
  const { clock, connect, hub, publish, of } = await observed()
  await connect({ topics: ["a"] })
  const client = await connect({ topics: ["a"], label: "slow" })
  client.room = 10
  await publish("a", "0", "1", "2")
  assert.deepEqual(of("fell_behind"), [{ type: "fell_behind", id: "2", label: "slow" }])
  const { state, lag, timesBehind, behindSince } = hub.stream("2") ?? {}
  assert.deepEqual({ state, lag, timesBehind }, { state: "full", lag: 2, timesBehind: 1 })
  assert.ok(Math.abs((behindSince ?? 0) - clock.now()) < 1_000)
  const { live, reading, full, lag: worst, labels } = hub.stats()
  assert.deepEqual({ live, reading, full, worst }, { live: 1, reading: 0, full: 1, worst: 2 })
  assert.deepEqual(labels, { slow: { live: 0, reading: 0, full: 1 } })
  await clock.pass(1_000)
  client.drain()
  await clock.settle()
  const [caughtUp] = of("caught_up")
  assert.equal(caughtUp?.id, "2")
  assert.ok((caughtUp?.duration ?? 0) >= 1_000)
  const info = hub.stream("2")
  assert.deepEqual([info?.state, info?.lag, info?.behindSince, info?.entries], ["live", 0, undefined, 3])
})

test("bytes and entries of a stream count everything it was sent, from the window, the log and live", async () => {
  const { clock, connect, hub, publish } = await observed({ window: { maxEntries: 3 } })
  const clients: Recorder[] = []
  for (let i = 0; i < 3; i++) {
    await publish("a", `before ${i}`)
    clients.push(await connect({ topics: ["a"] }, i === 1 ? "earliest" : "live"))
  }
  for (let round = 0; round < 30; round++) {
    const client = clients[round % 3] as Recorder
    client.room = round % 2 === 0 ? 5 : Infinity
    await publish("a", "x".repeat(round))
    client.drain()
    await clock.settle()
    if (round % 5 === 0) await clock.pass(20_000)
  }
  for (const [i, info] of hub.streams().entries()) {
    const { frames, data } = clients[i] as Recorder
    assert.equal(info.bytes, Buffer.byteLength(frames.map(({ text }) => text).join("")), `bytes of ${i}`)
    assert.equal(info.entries, data.length, `entries of ${i}`)
  }
})

test("one report a turn tells what was delivered, and how late", async () => {
  const { clock, connect, hub, of } = await observed()
  for (let i = 0; i < 10; i++) await connect({ topics: ["a"] })
  await connect({ topics: ["b"] })
  await hub.publishMany([
    { topic: "a", data: "1" },
    { topic: "a", data: "2" },
    { topic: "b", data: "3" },
    { topic: "nobody", data: "4" },
  ])
  await clock.settle()
  const [delivered, ...more] = of("delivered")
  assert.deepEqual(more, [])
  assert.deepEqual([delivered?.entries, delivered?.writes], [21, 11])
  assert.ok((delivered?.lag ?? -1) >= 0)
  await hub.publish({ topic: "nobody", data: "5" })
  await clock.settle()
  assert.equal(of("delivered").length, 1, "nothing was delivered")
})

test("what is published, repeated and refused is reported", async () => {
  const { hub, of } = await observed({ limits: { messageBytes: 100 } })
  await hub.publishMany([
    { topic: "a", data: "é", idempotencyKey: "1" },
    { topic: "a", data: "again", idempotencyKey: "2" },
  ])
  await hub.publish({ topic: "a", data: "again", idempotencyKey: "2" })
  await assert.rejects(hub.publish({ topic: "a", data: "x".repeat(101) }))
  assert.deepEqual(
    of("published").map(({ messages, repeated, bytes, error }) => [
      messages.length,
      repeated,
      bytes,
      (error as { code?: string } | undefined)?.code,
    ]),
    [
      [2, 0, 7, undefined],
      [1, 1, 0, undefined],
      [1, 0, 0, "message_too_large"],
    ],
  )
})

test("refused streams are reported with their code", async () => {
  const { connect, of } = await observed({ limits: { connections: 1 } })
  await connect({ topics: ["a"] })
  await assert.rejects(connect({ topics: ["a"], label: "feed" }))
  await assert.rejects(connect({ topics: [] }))
  assert.deepEqual(of("refused"), [
    { type: "refused", code: "too_many_connections", label: "feed" },
    { type: "refused", code: "invalid_selector", label: undefined },
  ])
})

test("operations of the log are reported, also those that fail", async () => {
  const clock = createClock()
  const log = faultyLog(memoryLog({ clock, epoch: "life0000" }))
  const { hub, connect, publish, of } = await observed({ log, clock, window: { maxEntries: 1 } })
  await publish("a", "1", "2", "3")
  await connect({ topics: ["a"] }, "earliest")
  const operations = new Set(of("log").map(({ operation }) => operation))
  assert.deepEqual([...operations].sort(), ["append", "bounds", "locate", "read"])
  assert.ok(of("log").every(({ duration, error }) => duration >= 0 && error === undefined))
  log.failure = unavailable
  await assert.rejects(hub.publish({ topic: "a", data: "4" }))
  assert.equal(of("log").at(-1)?.error, unavailable)
})

test("an observer that throws breaks nothing, and is reported once", async () => {
  const mistake = new Error("a bug of the observer")
  const { connect, publish, errors } = await stage({
    observe() {
      throw mistake
    },
  })
  const client = await connect({ topics: ["a"] })
  await publish("a", "1", "2")
  assert.deepEqual(client.data, ["1", "2"])
  assert.deepEqual(errors, [mistake])
})

test("of many streams those come first that are asked for, and no more than the limit", async () => {
  const { clock, connect, hub, publish } = await stage()
  for (let i = 0; i < 500; i++) {
    const client = await connect({ topics: ["a"], ...(i % 2 === 0 && { userId: String(i) }) })
    if (i === 3 || i === 400) client.room = 0
    if (i === 100) await publish("a", "1")
    await clock.pass(10)
  }
  await publish("a", "2", "3")
  const ids = (options: Parameters<typeof hub.streams>[0]) => hub.streams(options).map(({ id }) => Number(id))
  assert.deepEqual(ids({ limit: 3 }), [1, 2, 3])
  assert.deepEqual(ids({ sort: "lag", limit: 2 }), [4, 401])
  assert.deepEqual(ids({ sort: "lag", limit: 6 }), [4, 401, 1, 2, 3, 5])
  assert.equal(hub.streams({ sort: "lag", limit: 2 })[0]?.lag, 2)
  assert.ok(ids({ sort: "bytes", limit: 99 }).every((id) => id <= 101 && id !== 4))
  assert.equal(hub.streams().length, 500)
  assert.deepEqual(ids({ limit: 0 }), [])
  assert.throws(() => hub.streams({ sort: "size" as "lag" }), /"lag", "oldest" or "bytes"/)
  assert.throws(() => hub.streams({ limit: 10_001 }), TypeError)
})

test("one stream can be closed: its client reconnects, or is told not to", async () => {
  const { clock, connect, hub, publish } = await stage()
  const clients = [await connect({ topics: ["a"] }), await connect({ topics: ["a"] }), await connect({ topics: ["a"] })]
  await publish("a", "1")
  assert.equal(hub.disconnect("1"), true)
  assert.equal(hub.disconnect("2", { end: true }), true)
  assert.equal(hub.disconnect("2"), false)
  assert.equal(hub.disconnect("no id"), false)
  await clock.settle()
  assert.deepEqual(
    clients.map(({ closed }) => closed),
    ["ended", "ended", undefined],
  )
  const last = clients.map(({ blocks }) => blocks.at(-1))
  assert.equal(last[0]?.id, at(1))
  assert.match(last[0]?.retry ?? "", /^\d+$/)
  assert.equal(last[1]?.event, "stream.end")
  assert.equal(hub.stats().connections, 1)
})
