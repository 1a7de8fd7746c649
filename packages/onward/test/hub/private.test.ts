import assert from "node:assert/strict"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { createHub, type Hub, type StartPoint } from "../../src/hub/index.ts"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { isFor, optionsOf, randomUpdate, randomWish, type Update, type Wish } from "./private-model.ts"
import { Recorder } from "./recorder.ts"
import { Chance } from "./simulation/chance.ts"
import { stage } from "./stage.ts"

const SEED = Number(process.env["ONWARD_SEED"] ?? 1)
const ANY = { anyTopic: true } as const

interface Case {
  readonly rounds: number
  create(t: TestContext): Promise<Log>
}

const logs: Readonly<Record<string, Case>> = {
  memory: { rounds: 10, create: async () => memoryLog() },
  SQLite: {
    rounds: 4,
    async create(t) {
      const folder = await mkdtemp(join(tmpdir(), "onward-"))
      t.after(() => rm(folder, { recursive: true, force: true }))
      return sqliteLog(join(folder, "log.db"))
    },
  },
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Opens a stream and waits until it is live. */
async function receive(hub: Hub, wish: Wish, chance: Chance, start: StartPoint): Promise<Recorder> {
  const recorder = new Recorder()
  hub.subscribe(optionsOf(wish, chance)).open(start).start(recorder)
  while (hub.stats().live < hub.stats().connections) await turns(1)
  return recorder
}

const messageOf = ({ topics: [topic = "", ...also], isPrivate, data }: Update) => ({
  ...{ topic, data },
  ...(also.length > 0 && { also }),
  ...(isPrivate && { private: true as const }),
})

const dataFor = (updates: readonly Update[], wish: Wish): string[] =>
  updates.filter((update) => isFor(update, wish)).map(({ data }) => data)

for (const [name, { create, rounds }] of Object.entries(logs)) {
  for (const window of [{}, { maxEntries: 0 }]) {
    test(`each subscriber receives what its topics and permission cover, and nothing else, live and replayed: ${name}, window ${JSON.stringify(window)} (ONWARD_SEED=${SEED})`, async (t) => {
      const chance = new Chance(SEED)
      const hub = createHub({ log: await create(t), window })
      t.after(() => hub.close())
      const updates: Update[] = []
      const ids: string[] = []
      let pairs = 0
      for (let round = 0; round < rounds; round++) {
        const wishes = Array.from({ length: 20 }, () => randomWish(chance))
        const live = await Promise.all(wishes.map((wish) => receive(hub, wish, chance, "live")))
        const from = updates.length
        const fresh = Array.from({ length: 30 }, (_, i) => randomUpdate(chance, `${round}.${i}`))
        updates.push(...fresh)
        ids.push(...(await hub.publishMany(fresh.slice(0, 15).map(messageOf), ANY)))
        for (const update of fresh.slice(15)) ids.push(await hub.publish(messageOf(update), ANY))
        const expectedLive = wishes.map((wish) => dataFor(updates.slice(from), wish))
        // on a busy machine, the rest of a publish is delivered in later turns
        const isThere = (): boolean => live.every(({ data }, i) => data.length >= (expectedLive[i] ?? []).length)
        for (let waited = 0; waited < 2_000 && !isThere(); waited++) await turns(1)
        await turns(3)
        for (const [i, wish] of wishes.entries()) {
          const what = JSON.stringify(wish).slice(0, 300)
          assert.deepEqual(live[i]?.data, expectedLive[i], `live: ${what}`)
          const last = chance.below(5)
          const cut = chance.below(updates.length)
          const after = { after: ids[cut] as string }
          const expected = {
            earliest: dataFor(updates, wish),
            resumed: dataFor(updates.slice(cut + 1), wish),
            last: last === 0 ? [] : dataFor(updates, wish).slice(-last),
          }
          const [earliest, resumed, newest] = await Promise.all([
            receive(hub, wish, chance, "earliest"),
            receive(hub, wish, chance, after),
            receive(hub, wish, chance, { last }),
          ])
          const received = { earliest: earliest.data, resumed: resumed.data, last: newest.data }
          assert.deepEqual(received, expected, `replayed: ${what}`)
          assert.deepEqual([...earliest.gaps, ...resumed.gaps, ...newest.gaps], [])
          pairs += updates.length + 30
          for (const recorder of [earliest, resumed, newest]) recorder.leave()
        }
        for (const recorder of live) recorder.leave()
      }
      assert.ok(pairs >= rounds * rounds * 250, `${pairs} pairs of an update and a subscriber`)
    })
  }
}

test("an entry with several topics is sent once to a subscriber of all of them, live and replayed", async () => {
  const { connect, hub, clock } = await stage()
  const options = { topics: ["a", "b"], patterns: ["*", "c*"] }
  const live = await connect(options)
  await hub.publish({ topic: "a", also: ["b", "c", "a", "b"], data: "1" })
  await clock.settle()
  assert.deepEqual(live.data, ["1"])
  for (const start of ["earliest", { last: 5 }] as const) assert.deepEqual((await connect(options, start)).data, ["1"])
})

test("a private entry needs a topic that is asked for and one that is permitted, which may be another", async () => {
  const { connect, hub, clock } = await stage()
  const [both, one, none] = [
    await connect({ topics: ["a"], may: [{ topic: "b" }] }),
    await connect({ topics: ["b"], may: [{ topic: "c" }] }),
    await connect({ topics: ["a", "b"] }),
  ]
  await hub.publish({ topic: "a", also: ["b"], private: true, data: "secret" })
  await clock.settle()
  assert.deepEqual([both.data, one.data, none.data], [["secret"], [], []])
})

test("a subscriber without permission sees neither private entries nor their loss", async () => {
  for (const window of [{}, { maxEntries: 0 }]) {
    const { connect, hub, publish } = await stage({ window, retention: { topic: { count: 1 } } })
    const [begin = ""] = await publish("a", "1")
    for (let i = 0; i < 3; i++) await hub.publish({ topic: "a", private: true, data: `secret ${i}` })
    for (const start of [{ after: begin }, "earliest", { last: 10 }, { since: 0 }] as const) {
      const client = await connect({ topics: ["a"], patterns: ["*"] }, start)
      assert.deepEqual([client.data.includes("secret 2"), client.gaps], [false, []], JSON.stringify(start))
    }
    if (window.maxEntries !== 0) continue
    const permitted = await connect({ topics: ["a"], may: [{ topic: "a" }] }, { after: begin })
    assert.deepEqual([permitted.data, permitted.gaps.length], [["secret 2"], 1])
  }
})

test("retention of topics counts private entries apart, and a lost entry with several topics is announced to each of them", async () => {
  const { connect, hub, publish } = await stage({ window: { maxEntries: 0 }, retention: { topic: { count: 2 } } })
  const [begin = ""] = await publish("z", "begin")
  await publish("a", "1", "2")
  for (let i = 0; i < 2; i++) await hub.publish({ topic: "a", private: true, data: `p${i}` })
  const a = { topics: ["a"], may: [{ topic: "a" }] }
  const all = await connect(a, { after: begin })
  assert.deepEqual([all.data, all.gaps], [["1", "2", "p0", "p1"], []])
  for (let i = 0; i < 3; i++) await hub.publish({ topic: "a", also: ["b"], data: `m${i}` })
  for (const topic of ["a", "b"]) {
    const client = await connect({ topics: [topic] }, { after: begin })
    assert.equal(client.gaps.length, 1, topic)
    assert.deepEqual(client.data.slice(-2), ["m1", "m2"])
  }
})

test("an id that is repeated is a repeat by default, and is sent again when the program asks for it", async () => {
  for (const message of [
    { topic: "a" },
    { topic: "a", also: ["b"] },
    { topic: "a", private: true as const },
    { topic: "/:a" },
  ]) {
    const { connect, hub, clock } = await stage()
    const options = { matchers: [{ topic: message.topic }], may: [{ topic: message.topic }] }
    const live = await connect(options)
    const publish = (data: string, more = {}) =>
      hub.publishResults([{ ...message, id: "CREATE", data, ...more }], { ...ANY, ...more })
    const dispatch = { repeatedIds: "dispatch" } as const
    const send = async (data: string, key?: string) => {
      const keyed = key === undefined ? {} : { idempotencyKey: key }
      const [result] = await hub.publishResults([{ ...message, ...keyed, id: "CREATE", data }], { ...ANY, ...dispatch })
      return result
    }
    assert.deepEqual(await publish("1"), [{ id: "CREATE", repeated: false }])
    assert.deepEqual(await publish("ignored"), [{ id: "CREATE", repeated: true }])
    assert.deepEqual(await send("2"), { id: "CREATE", repeated: false })
    assert.deepEqual(await send("3", "k"), { id: "CREATE", repeated: false })
    assert.equal((await send("never", "k"))?.repeated, true, "only the key means the same message")
    assert.deepEqual(await send("4"), { id: "CREATE", repeated: false })
    await clock.settle()
    assert.deepEqual(live.data, ["1", "2", "3", "4"], JSON.stringify(message))
    const events = live.events.map(({ id }) => id)
    assert.deepEqual(events, ["CREATE", "CREATE", "CREATE", "CREATE"])
    assert.deepEqual((await connect(options, { after: "CREATE" })).data, ["2", "3", "4"], "resumes from the oldest")
    const exact = await connect(options, { after: live.lastEventId ?? "" })
    assert.deepEqual(
      [exact.data, exact.gaps],
      [[], []],
      "a client that received the last one misses and repeats nothing",
    )
  }
})

test("messages of different topics that share an id or a key are all stored, and repeats of each are told", async () => {
  const { connect, hub } = await stage()
  const messages = ["a", "b", "c"].map((topic) => ({ topic, also: ["x"], id: "1", data: topic }))
  const keyed = ["a", "b"].map((topic) => ({ topic, also: ["x"], idempotencyKey: "k", data: `${topic}k` }))
  for (const repeated of [false, true, true]) {
    for (const message of [...messages, ...keyed]) {
      const [result] = await hub.publishResults([message])
      assert.equal(result?.repeated, repeated, message.data)
    }
  }
  assert.deepEqual((await connect({ topics: ["x"] }, "earliest")).data, ["a", "b", "c", "ak", "bk"])
})

test("names that Onward forbids are refused unless the program allows them, and cannot pose as Onward's own", async () => {
  const { connect, hub, clock } = await stage({ presence: true })
  const invalid = { code: "invalid_selector" }
  for (const topic of ["a*", "/:x", "stream.presence", "x".repeat(1_025)]) {
    await assert.rejects(hub.publish({ topic }), invalid)
    await assert.rejects(hub.publish({ topic: "a", also: [topic] }), invalid)
    const client = await connect({ matchers: [{ topic }] })
    await hub.publish({ topic, data: '{"from":"mallory","anew":true,"changes":[["a",99,[],[]]]}' }, ANY)
    await clock.settle()
    assert.equal(client.data.length, 1, topic)
  }
  for (const topic of ["", "a\nb", "x".repeat(4_097), "\ud800"])
    await assert.rejects(hub.publish({ topic }, ANY), invalid)
  assert.equal(hub.presence.of("a").streams, 0)
  const all = await connect({ matchers: [{ key: "all", matches: () => true }], patterns: ["*"] }, "earliest")
  assert.equal(all.data.length, 4, "reports of presence are not among them")
})

test("`also` and `private` are checked", async () => {
  const { hub } = await stage()
  const refused = { code: "invalid_message" }
  for (const fields of [
    { also: "b" },
    { also: null },
    { private: false },
    { private: "on" },
    { also: new Array(1_000).fill("b") },
    { alos: [] },
  ]) {
    await assert.rejects(hub.publish({ topic: "a", ...fields } as never), refused, JSON.stringify(fields))
  }
  await assert.rejects(hub.publish({ topic: "a", also: [5] } as never), { code: "invalid_selector" })
  const long = Array.from({ length: 999 }, (_, i) => `${i}`.padEnd(1_020, "x"))
  await hub.publish({ topic: "a", also: long })
  await assert.rejects(hub.publish({ topic: "a", also: long, data: "x".repeat(40_000) }), { code: "message_too_large" })
  await assert.rejects(hub.publish({ topic: "a" }, { anyTopics: true } as never), TypeError)
  await assert.rejects(hub.publish({ topic: "a" }, { repeatedIds: "send" } as never), TypeError)
  for (const options of [
    { matchers: "a" },
    { matchers: [{}] },
    { may: [{ key: "a" }] },
    { matchers: [{ topic: "a", key: "a" }] },
    { matchers: [{ topic: "a" }], unknownId: "none" },
  ]) {
    assert.throws(() => hub.subscribe(options as never), TypeError, JSON.stringify(options))
  }
})

test("what is not written as a filed message is not delivered", async () => {
  const { connect, log, publish } = await stage()
  const bad = [
    "no line",
    "[]\nx",
    '{"t":[]}\nx',
    '{"t":[5]}\nx',
    '{"t":"a"}\nx',
    '{"i":5,"t":["a"]}\nx',
    "\nx",
    '{"p":2,"t":["a"]}\nx',
    '{"k":""}\nx',
  ]
  for (const topic of ["stream.*many", "stream.*o:a", "stream.*p:a"]) {
    for (const data of topic.endsWith("a") ? bad.filter((each) => each !== "\nx") : bad)
      await log.append([{ topic, data }])
  }
  for (const topic of ["stream.*o:", "stream.*p:", "stream.*"]) await log.append([{ topic, data: "\nx" }])
  await publish("a", "good")
  const all = {
    patterns: ["*"],
    matchers: [{ key: "all", matches: () => true }],
    may: [{ key: "all", matches: () => true }],
  }
  assert.deepEqual((await connect(all, "earliest")).data, ["good"])
})
