import assert from "node:assert/strict"
import { test } from "node:test"
import type { SubscribeOptions } from "../../src/hub/index.ts"
import { faultyLog } from "./faulty-log.ts"
import { Recorder } from "./recorder.ts"
import { at, stage } from "./stage.ts"

test("a live stream receives what is published from now on, and begins with a checkpoint", async () => {
  const { connect, publish } = await stage()
  await publish("a", "before")
  const client = await connect({ topics: ["a"] })
  assert.deepEqual(client.blocks, [{ event: "stream.checkpoint", id: at(1), data: "{}" }])
  await publish("a", "one", "two")
  assert.deepEqual(client.events, [
    { id: at(2), data: "one" },
    { id: at(3), data: "two" },
  ])
})

test("a live stream has its first position at once, with the head of its response", async () => {
  const { hub, publish } = await stage()
  await publish("a", "before")
  const client = new Recorder()
  hub
    .subscribe({ topics: ["a"] })
    .open()
    .start(client)
  assert.deepEqual([client.lastEventId, hub.stats().live], [at(1), 1])
})

test("a stream that is opened before its hub has reached the log begins with the position of the log", async () => {
  const { another, clock, publish } = await stage()
  await publish("a", "before")
  const client = new Recorder()
  another()
    .subscribe({ topics: ["a"] })
    .open()
    .start(client)
  assert.deepEqual(client.frames, [])
  await clock.settle()
  assert.deepEqual(client.blocks, [{ event: "stream.checkpoint", id: at(1), data: "{}" }])
})

test("a stream opened right after its hub receives what is published next", async () => {
  const { another, clock, connect } = await stage()
  const hub = another()
  const opening = connect({ topics: ["a"] }, undefined, hub)
  const published = hub.publish({ topic: "a", data: "first" })
  await clock.settle()
  await published
  assert.deepEqual((await opening).data, ["first"])
})

test("a stream resumes after a position, for all its topics at once", async () => {
  const { connect, publish } = await stage()
  for (const text of ["1", "2", "3"]) for (const topic of ["a", "b", "c"]) await publish(topic, topic + text)
  const client = await connect({ topics: ["a", "b"] }, { after: at(4) })
  assert.deepEqual(client.data, ["b2", "a3", "b3"])
  assert.deepEqual(client.gaps, [])
  await publish("b", "b4")
  assert.deepEqual(client.data.at(-1), "b4")
})

test("a stream resumes after its publisher's own id", async () => {
  const { connect, hub } = await stage()
  for (const n of [1, 2, 3]) await hub.publish({ topic: "a", data: String(n), id: `order-${n}` })
  const client = await connect({ topics: ["a"] }, { after: "order-1" })
  assert.deepEqual(client.events, [
    { id: "order-2", data: "2" },
    { id: "order-3", data: "3" },
  ])
  assert.deepEqual(client.gaps, [])
})

test("a stream from the earliest entry has all kept entries, and no gap for earlier ones", async () => {
  const { connect, publish } = await stage({ retention: { count: 3 } })
  await publish("a", "1", "2", "3", "4", "5")
  const client = await connect({ topics: ["a"] }, "earliest")
  assert.deepEqual(client.data, ["3", "4", "5"])
  assert.deepEqual(client.gaps, [])
})

test("a stream since a time begins with the first entry since then", async () => {
  const { clock, connect, publish } = await stage()
  await publish("a", "old")
  await clock.pass(60_000)
  const since = clock.now()
  await publish("a", "exactly")
  await clock.pass(60_000)
  await publish("a", "new")
  assert.deepEqual((await connect({ topics: ["a"] }, { since })).data, ["exactly", "new"])
  assert.deepEqual((await connect({ topics: ["a"] }, { since: new Date(since + 1) })).data, ["new"])
  assert.deepEqual((await connect({ topics: ["a"] }, { since: 0 })).data, ["old", "exactly", "new"])
  assert.deepEqual((await connect({ topics: ["a"] }, { since: -1e300 })).data, ["old", "exactly", "new"])
  assert.deepEqual((await connect({ topics: ["a"] }, { since: clock.now() + 1e9 })).data, [])
  assert.deepEqual((await connect({ topics: ["a"] }, { since: 1e300 })).data, [])
})

const tails: readonly (readonly [selector: string, last: number, expected: readonly string[]])[] = [
  ["a", 0, []],
  ["a", 1, ["a5"]],
  ["a", 3, ["a3", "a4", "a5"]],
  ["a", 5, ["a1", "a2", "a3", "a4", "a5"]],
  ["a", 100, ["a1", "a2", "a3", "a4", "a5"]],
  ["n/*", 2, ["n/5", "n/x5"]],
  ["n/*", 3, ["n/x4", "n/5", "n/x5"]],
  ["n/*", 100, ["n/1", "n/x1", "n/2", "n/x2", "n/3", "n/x3", "n/4", "n/x4", "n/5", "n/x5"]],
  ["n/:id", 1, ["n/x5"]],
  ["*", 4, ["a5", "n/5", "n/x5", "z5"]],
]

for (const where of ["the window", "the log"] as const) {
  test(`the last n entries, from ${where}, are exactly n of the requested ones`, async () => {
    const { another, clock, connect, publish } = await stage()
    const topics = ["a", "n/", "n/x", "z"]
    for (const text of ["1", "2", "3", "4", "5"])
      for (const topic of topics) await publish(topic === "n/" ? "n/1" : topic, topic + text)
    // a process that was not there when they were published has an empty window
    const hub = where === "the log" ? another() : undefined
    await clock.settle()
    for (const [selector, last, expected] of tails) {
      const options = /[*:]/.test(selector) ? { patterns: [selector] } : { topics: [selector] }
      const client = await connect(options, { last }, hub)
      assert.deepEqual(client.data, expected, `last ${last} of ${selector}`)
      assert.deepEqual(client.gaps, [])
    }
    const both = await connect({ topics: ["a"], patterns: ["n/*"] }, { last: 3 }, hub)
    assert.deepEqual(both.data, ["a5", "n/5", "n/x5"])
  })
}

test("the last n entries are those still kept when retention removed the others, without a gap", async () => {
  const { another, clock, connect, publish } = await stage({ retention: { topic: { count: 2 } } })
  await publish("a", "1", "2", "3")
  const hub = another()
  await clock.settle()
  for (const options of [{ topics: ["a"] }, { patterns: ["a*"] }]) {
    const client = await connect(options, { last: 10 }, hub)
    assert.deepEqual(client.data, ["2", "3"])
    assert.deepEqual(client.gaps, [])
  }
})

test("the start point of the subscription applies when the client names none, and only then", async () => {
  const { connect, publish } = await stage()
  await publish("a", "1", "2", "3")
  assert.deepEqual((await connect({ topics: ["a"], from: "earliest" })).data, ["1", "2", "3"])
  assert.deepEqual((await connect({ topics: ["a"], from: { last: 1 } })).data, ["3"])
  assert.deepEqual((await connect({ topics: ["a"], from: "earliest" }, { after: at(2) })).data, ["3"])
  assert.deepEqual((await connect({ topics: ["a"], from: "earliest" }, { last: 2 })).data, ["2", "3"])
})

test("without history a client resumes, but cannot choose a start point", async () => {
  const { connect, publish } = await stage()
  await publish("a", "1", "2", "3")
  const options = { topics: ["a"], from: { last: 1 }, allowHistory: false } as const
  for (const start of ["earliest", { since: 0 }, { last: 3 }] as const) {
    assert.deepEqual((await connect(options, start)).data, ["3"])
  }
  assert.deepEqual((await connect(options, { after: at(1) })).data, ["2", "3"])
})

test("history and new entries are continuous while others publish", async () => {
  const { clock, connect, hub, publish } = await stage({ window: { maxEntries: 5 } })
  await publish("a", ...Array.from({ length: 200 }, (_, i) => String(i)))
  const connecting = connect({ topics: ["a"] }, "earliest")
  const publishing = Array.from({ length: 100 }, (_, i) => hub.publish({ topic: "a", data: String(200 + i) }))
  const client = await connecting
  await Promise.all(publishing)
  await clock.settle()
  assert.deepEqual(
    client.data,
    Array.from({ length: 300 }, (_, i) => String(i)),
  )
})

test("a new process serves recently missed entries without reading the log for each stream", async () => {
  const first = await stage()
  const begin = await first.publish("a", "0")
  for (let i = 1; i <= 50; i++) await first.publish(`topic ${i}`, "1", "2", "3")
  let reads = 0
  const { log } = first
  const second = first.another({
    log: {
      ...log,
      read(query) {
        reads++
        return log.read(query)
      },
    },
  })
  await first.clock.settle()
  for (let i = 1; i <= 50; i++) {
    const client = await first.connect({ topics: [`topic ${i}`] }, { after: begin[0] ?? "" }, second)
    assert.deepEqual(client.data, ["1", "2", "3"])
  }
  assert.ok(reads <= 3, `${reads} reads for 50 streams`)
})

for (const window of [{}, { maxEntries: 0 }]) {
  test(`an id of a topic outside the subscription is treated like an unknown one, with ${JSON.stringify(window)}`, async () => {
    const { connect, hub } = await stage({ window })
    for (const topic of ["news/a", "private", "news/b"]) await hub.publish({ topic, data: topic, id: `on ${topic}` })
    const selections = [
      { topics: ["news/a"] },
      { patterns: ["news/*"] },
      { topics: ["news/b"], patterns: ["news/:name"] },
    ]
    for (const selection of selections) {
      const foreign = await connect(selection, { after: "on private" })
      const unknown = await connect(selection, { after: "on nothing" })
      const told = (text: string): string => text.replace("on private", "ID").replace("on nothing", "ID")
      assert.equal(
        told(foreign.frames.map(({ text }) => text).join("")),
        told(unknown.frames.map(({ text }) => text).join("")),
      )
      assert.match(foreign.events[0]?.data ?? "", /"reason":"unknown"/)
    }
    const known = await connect({ patterns: ["news/*"] }, { after: "on news/a" })
    assert.deepEqual(known.data, ["news/b"])
  })

  test(`an id that several topics have resumes on the subscribed topics, at the oldest entry, with ${JSON.stringify(window)}`, async () => {
    const { connect, hub } = await stage({ window })
    for (const topic of ["a", "b", "c/1", "c/2"]) {
      await hub.publish({ topic, data: `${topic} 1`, id: "1" })
      await hub.publish({ topic, data: `${topic} 2`, id: "2" })
    }
    const after = async (selection: SubscribeOptions) => (await connect(selection, { after: "1" })).data
    assert.deepEqual(await after({ topics: ["a"] }), ["a 2"])
    assert.deepEqual(await after({ topics: ["b"] }), ["b 2"])
    assert.deepEqual(await after({ topics: ["b", "c/1"] }), ["b 2", "c/1 1", "c/1 2"])
    assert.deepEqual(await after({ patterns: ["c/*"] }), ["c/1 2", "c/2 1", "c/2 2"])
    assert.deepEqual(await after({ topics: ["b"], patterns: ["c/:n"] }), ["b 2", "c/1 1", "c/1 2", "c/2 1", "c/2 2"])
  })
}

test("a foreign id and an unknown one send the same requests to the log", async () => {
  const log = faultyLog()
  const { connect, hub } = await stage({ log })
  await hub.publish({ topic: "private", data: "", id: "foreign" })
  await hub.publish({ topic: "a/b", data: "", id: "own" })
  for (const selection of [{ topics: ["a/b"] }, { patterns: ["a/*"] }]) {
    const asked = async (after: string) => {
      const before = { ...log.calls }
      await connect(selection, { after })
      return Object.entries(log.calls).map(([name, count]) => [name, count - before[name as keyof typeof before]])
    }
    assert.deepEqual(await asked("foreign"), await asked("unknown"))
  }
})

test("a misspelt start point is refused with a suggestion, as a word and as a key", async () => {
  const { hub } = await stage()
  for (const [start, meant] of [
    ["earlest", "earliest"],
    [{ afer: "1" }, "after"],
    [{ lasst: 3 }, "last"],
  ] as const) {
    const from = start as unknown as "live"
    assert.throws(() => hub.subscribe({ topics: ["a"], from }), new RegExp(`Did you mean "${meant}"\\?$`))
  }
  assert.throws(() => hub.subscribe({ topics: ["a"], from: { after: "1", last: 3 } }), /not \{ after, last \}/)
})

for (const how of ["", " whose log fails at first"]) {
  test(`a new process${how} replays entries with several topics, the oldest of a long log too`, async () => {
    const first = await stage()
    await first.hub.publish({ topic: "a", also: ["b"], data: "both" })
    for (let i = 0; i < 3; i++)
      await first.hub.publishMany(Array.from({ length: 700 }, () => ({ topic: "other", data: "" })))
    await first.publish("b", "own")
    const { log } = first
    let failures = how === "" ? 0 : 1
    const second = first.another({
      window: { maxEntries: 0 },
      log: {
        ...log,
        read: (query) => (failures-- > 0 ? Promise.reject(new Error("away")) : log.read(query)),
      },
    })
    await first.clock.settle()
    for (const selection of [{ topics: ["b"] }, { topics: ["a", "b"] }, { patterns: ["b*"] }]) {
      assert.deepEqual((await first.connect(selection, "earliest", second)).data, ["both", "own"])
    }
    assert.deepEqual((await first.connect({ topics: ["b"] }, { last: 2 }, second)).data, ["both", "own"])
    assert.deepEqual((await first.connect({ topics: ["a"] }, { last: 2 }, second)).data, ["both"])
  })
}

test("a new process looks into a log without entries on several topics once, and not for each stream", async () => {
  const first = await stage()
  await first.publish("a", "1", "2")
  const asked: (readonly string[] | undefined)[] = []
  const { log } = first
  const second = first.another({
    window: { maxEntries: 0 },
    log: {
      ...log,
      read(query) {
        asked.push(query.topics)
        return log.read(query)
      },
    },
  })
  await first.clock.settle()
  assert.deepEqual((await first.connect({ topics: ["a"] }, "earliest", second)).data, ["1", "2"])
  assert.equal(asked.filter((topics) => topics?.includes("stream.*many")).length, 1)
})
