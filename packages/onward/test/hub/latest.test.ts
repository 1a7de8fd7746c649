import assert from "node:assert/strict"
import { test } from "node:test"
import { inspect } from "node:util"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { faultyLog } from "./faulty-log.ts"
import { Recorder } from "./recorder.ts"
import { at, stage } from "./stage.ts"

for (const [name, window] of Object.entries({ "in the window": 1_000, "older than the window": 1 })) {
  test(`a stream that starts with the latest gets the newest entry of each topic, ${name}, then what follows`, async () => {
    const s = await stage({ window: { maxEntries: window } })
    for (const data of ["1", "2", "3"])
      for (const topic of ["a", "b/1", "b/2", "c"]) await s.publish(topic, `${topic} ${data}`)
    await s.publish("a", "a 4")
    const exact = await s.connect({ topics: ["a", "b/1", "none"] }, "latest")
    const pattern = await s.connect({ patterns: ["b/*"] }, "latest")
    const both = await s.connect({ topics: ["a"], patterns: ["b/:id"] }, "latest")
    assert.deepEqual(exact.data, ["b/1 3", "a 4"])
    assert.deepEqual(pattern.data, ["b/1 3", "b/2 3"])
    assert.deepEqual(both.data, ["b/1 3", "b/2 3", "a 4"])
    await s.publish("b/1", "b/1 4", "b/1 5")
    for (const { data, gaps } of [exact, pattern, both]) {
      assert.deepEqual([data.slice(-2), gaps], [["b/1 4", "b/1 5"], []])
    }
    const empty = await s.connect({ topics: ["none"] }, "latest")
    assert.deepEqual(empty.events, [])
    assert.equal(empty.lastEventId, at(15))
  })
}

test("a client that is cut between the newest entries resumes without a loss", async () => {
  const s = await stage({ window: { maxEntries: 1 } })
  for (const topic of ["a", "b", "c"]) await s.publish(topic, `${topic} 1`, `${topic} 2`)
  const slow = await s.connect({ topics: ["a", "b", "c"] }, "latest")
  const resumed = await s.connect({ topics: ["a", "b", "c"] }, { after: at(2) })
  assert.deepEqual(slow.data, ["a 2", "b 2", "c 2"])
  assert.deepEqual(resumed.data, ["b 1", "b 2", "c 1", "c 2"])
})

test("a client that does not read holds up only its own newest entries", async () => {
  const s = await stage()
  const topics = Array.from({ length: 60 }, (_, i) => `t${i}`)
  for (const topic of topics) await s.hub.publish({ topic, data: `${topic} 1` })
  await s.clock.settle()
  const stream = await s.connect({ topics }, "live")
  stream.leave()
  const recorder = await s.connect({ topics: topics.slice(0, 1) }, "latest")
  assert.deepEqual(recorder.data, ["t0 1"])
  const slow = await s.connect({ topics, newestOnly: true }, "latest")
  assert.equal(slow.data.length, 60)
})

test("a slow stream of newest entries gets the newest of each topic that it missed, and no gap", async () => {
  const s = await stage({ window: { maxEntries: 5 }, retention: { topic: { count: 2 } } })
  const slow = await s.connect({ topics: ["a", "b", "c"], newestOnly: true })
  const full = await s.connect({ topics: ["a", "b", "c"] })
  slow.room = full.room = 0
  await s.publish("a", ...Array.from({ length: 10 }, (_, i) => `a ${i}`))
  await s.publish("b", "b 0", "b 1")
  await s.publish("a", "a 10")
  assert.deepEqual(slow.data, ["a 0"])
  slow.drain()
  full.drain()
  await s.clock.settle()
  assert.deepEqual([slow.data, slow.gaps], [["a 0", "b 1", "a 10"], []])
  assert.equal(full.gaps.length, 1)
  await s.publish("c", "c 0", "c 1")
  assert.deepEqual(slow.data.slice(3), ["c 0", "c 1"])
  // full again while it catches up
  slow.room = 0
  await s.publish("a", "a 11", "a 12")
  slow.drain(1)
  await s.clock.settle()
  await s.publish("a", "a 13")
  await s.publish("b", "b 2", "b 3")
  slow.drain()
  await s.clock.settle()
  assert.deepEqual(slow.data.slice(-2), ["a 13", "b 3"])
  assert.ok(!slow.data.includes("b 2"))
})

test("a stream of newest entries that reconnects gets only the newest of each topic", async () => {
  const s = await stage()
  await s.publish("a", "a 1", "a 2", "a 3")
  await s.publish("b", "b 1")
  const options = { topics: ["a", "b"], newestOnly: true }
  const back = await s.connect(options, { after: at(1) })
  assert.deepEqual(back.data, ["a 3", "b 1"])
  const current = await s.connect(options, { after: at(4) })
  assert.deepEqual(current.data, [])
  const unknown = await s.connect(options, { after: "life9999~11" })
  assert.deepEqual([unknown.data, unknown.gaps.length], [["a 1", "a 2", "a 3", "b 1"], 1])
})

test("the latest of a pattern costs a bounded number of reads, however large the log is", async () => {
  const inner = memoryLog({ epoch: "life0000", retention: {} })
  await inner.append(
    Array.from({ length: 100_500 }, (_, i) => ({ topic: i === 0 ? "rare/1" : "busy/1", data: `${i}` })),
  )
  let read = 0
  const log: Log = {
    ...inner,
    read: async (query) => {
      const page = await inner.read(query)
      read += page.entries.length
      return page
    },
  }
  const s = await stage({ log, window: { maxEntries: 10 } })
  read = 0
  const both = await s.connect({ patterns: ["*"] }, "latest")
  // beyond 100,000 entries only topics that are named are found
  for (let i = 0; both.data.length === 0 && i < 1_000; i++) await s.clock.settle()
  assert.deepEqual(both.data, ["100499"])
  assert.ok(read <= 101_000, `${read}`)
  read = 0
  const exact = await s.connect({ topics: ["rare/1", "busy/1"] }, "latest")
  for (let i = 0; exact.data.length < 2 && i < 1_000; i++) await s.clock.settle()
  assert.deepEqual(exact.data, ["0", "100499"])
  assert.ok(read <= 4, `${read}`)
})

test("position is that of the newest entry, also of an empty log", async () => {
  const s = await stage()
  assert.equal(await s.hub.position(), at(0))
  const empty = await s.hub.position()
  await s.publish("a", "1")
  assert.equal(await s.hub.position(), at(1))
  const from = await s.connect({ topics: ["a"] }, { after: empty })
  assert.deepEqual([from.data, from.gaps], [["1"], []])
  await s.hub.close()
  await assert.rejects(s.hub.position(), { code: "hub_closed" })
})

/** The vehicle of a position such as `bus 7: 52.5`. */
const vehicleOf = ({ data }: { readonly data: string }): string => data.slice(0, data.indexOf(":"))

for (const [name, window] of Object.entries({ "in the window": 1_000, "older than the window": 2 })) {
  test(`a slow stream with a key function gets the newest entry of each key that it missed, ${name}`, async () => {
    const s = await stage({ window: { maxEntries: window } })
    const slow = await s.connect({ topics: ["city"], patterns: ["town/*"], newestOnly: vehicleOf })
    slow.room = 0
    await s.publish("city", "bus 1: 0", "bus 1: 1", "bus 2: 1", "bus 1: 2")
    await s.publish("town/9", "bus 3: 1", "bus 2: 2", "bus 3: 2")
    await s.publish("other", "bus 4: 1")
    assert.deepEqual(slow.data, ["bus 1: 0"])
    slow.drain()
    await s.clock.settle()
    assert.deepEqual([slow.data, slow.gaps], [["bus 1: 0", "bus 1: 2", "bus 2: 2", "bus 3: 2"], []])
    await s.publish("city", "bus 1: 3", "bus 1: 4")
    assert.deepEqual(slow.data.slice(4), ["bus 1: 3", "bus 1: 4"], "a live stream gets all")
    const back = await s.connect({ topics: ["city"], newestOnly: vehicleOf }, { after: at(2) })
    assert.deepEqual(back.data, ["bus 2: 1", "bus 1: 4"])
    const latest = await s.connect({ topics: ["city"], newestOnly: vehicleOf }, "latest")
    assert.deepEqual(latest.data, ["bus 2: 1", "bus 1: 4"])
  })
}

test("a key function runs once for each missed entry, and the number of keys is limited", async () => {
  const s = await stage({ window: { maxEntries: 2 }, limits: { last: 3 } })
  let calls = 0
  const newestOnly = ({ data }: { readonly data: string }): string => {
    calls++
    return data
  }
  const slow = await s.connect({ topics: ["a"], newestOnly })
  slow.room = 0
  await s.publish("a", ...Array.from({ length: 10 }, (_, i) => `${i}`))
  slow.drain()
  await s.clock.settle()
  assert.deepEqual(slow.data, ["0", "7", "8", "9"])
  assert.equal(calls, 9)
})

test("a key function that fails loses no entry, and is reported", async () => {
  const s = await stage()
  const newestOnly = ({ data }: { readonly data: string }): string => {
    if (data === "throws") throw new Error("broken")
    return data === "long" ? "x".repeat(513) : "same"
  }
  const slow = await s.connect({ topics: ["a"], newestOnly })
  slow.room = 0
  await s.publish("a", "0", "1", "throws", "2", "long", "3")
  slow.drain()
  await s.clock.settle()
  assert.deepEqual(slow.data, ["0", "throws", "long", "3"])
  assert.equal(s.errors.length, 2)
  assert.throws(
    () => s.hub.subscribe({ topics: ["a"], newestOnly: "key" as never }),
    /must be true, false or a function/,
  )
})

test("a start with the latest gets at most `limits.last` topics, those with the newest entries", async () => {
  for (const maxEntries of [1_000, 2]) {
    const s = await stage({ window: { maxEntries }, limits: { last: 3 } })
    for (const topic of ["a/1", "a/2", "a/3", "a/4", "a/5", "a/1"]) await s.publish(topic, topic)
    for (const selection of [{ topics: ["a/1", "a/2", "a/3", "a/4", "a/5"] }, { patterns: ["a/*"] }]) {
      assert.deepEqual((await s.connect(selection, "latest")).data, ["a/4", "a/5", "a/1"])
    }
  }
})

test("the latest of entries with several topics is each entry once, from the window and from the log", async () => {
  for (const maxEntries of [1_000, 1]) {
    const s = await stage({ window: { maxEntries } })
    await s.publish("a", "a 1")
    await s.hub.publish({ topic: "a", also: ["b", "c"], data: "all" })
    await s.hub.publish({ topic: "b", also: ["other"], data: "b 2" })
    await s.publish("z", "z")
    await s.clock.settle()
    for (const [selection, expected] of [
      [{ topics: ["a", "c"] }, ["all"]],
      [{ topics: ["a", "b"] }, ["all", "b 2"]],
      [{ patterns: ["*"] }, ["all", "b 2", "z"]],
      [{ topics: ["other"] }, ["b 2"]],
    ] as const) {
      assert.deepEqual((await s.connect(selection, "latest")).data, expected, `${maxEntries} ${inspect(selection)}`)
    }
  }
})

test("the latest, and the newest of each key, ask the log for nothing when the window has all that is kept", async () => {
  const log = faultyLog()
  const s = await stage({ log })
  await s.publish("a", "bus 1: 1", "bus 1: 2")
  const { read } = log.calls
  for (const selection of [{ topics: ["a", "none"] }, { patterns: ["*"] }]) {
    assert.deepEqual((await s.connect(selection, "latest")).data, ["bus 1: 2"])
  }
  const exact = await s.connect({ topics: ["a"], newestOnly: vehicleOf }, { after: at(1) })
  assert.deepEqual([exact.data, log.calls.read], [["bus 1: 2"], read])
})

test("the newest of each key are the newest keys, over the window and the log, and only what passes the filter", async () => {
  for (const maxEntries of [1_000, 3, 1]) {
    const s = await stage({ window: { maxEntries }, limits: { last: 3 } })
    await s.publish("a", "x: 0", "1: 1", "2: 1", "3: 1", "1: 2", "4: 1", "5: no", "z: 9")
    const options = { topics: ["a"], newestOnly: vehicleOf }
    const all = await s.connect(options, { after: at(1) })
    assert.deepEqual(all.data, ["4: 1", "5: no", "z: 9"])
    const filter = ({ data }: { readonly data: string }): boolean => data !== "5: no" && data !== "z: 9"
    const some = await s.connect({ ...options, filter }, { after: at(1) })
    assert.deepEqual(some.data, ["3: 1", "1: 2", "4: 1"])
  }
})

test("a search for the newest entries ends when its client disconnects", async () => {
  for (const newestOnly of [true, vehicleOf]) {
    const log = faultyLog()
    const s = await stage({ log, window: { maxEntries: 1 } })
    for (let i = 0; i < 8; i++)
      await s.hub.publishMany(Array.from({ length: 500 }, (_, n) => ({ topic: "a", data: `${n}: ${i}` })))
    await s.clock.settle()
    const { read } = log.calls
    const recorder = new Recorder()
    s.hub
      .subscribe({ patterns: ["a*"], newestOnly })
      .open({ after: at(1) })
      .start(recorder)
    recorder.leave()
    await s.clock.settle()
    assert.ok(log.calls.read - read <= 1, `${log.calls.read - read} reads`)
    assert.deepEqual([recorder.data, s.hub.stats().connections], [[], 0])
  }
})
