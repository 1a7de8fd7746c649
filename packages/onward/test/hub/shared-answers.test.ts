import assert from "node:assert/strict"
import { test } from "node:test"
import { LookBacks } from "../../src/hub/look-backs.ts"
import { SharedAnswers } from "../../src/hub/shared-answers.ts"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { createClock } from "../../src/testing/index.ts"
import { Recorder } from "./recorder.ts"
import { at, stage, type Stage } from "./stage.ts"

const CLIENTS = 200

/** A stage whose window holds nothing, with 100 entries, and how often its log was asked since they were stored. */
async function behind(): Promise<Stage & { asked(): number }> {
  let asked = 0
  const kept = memoryLog({ clock: createClock(), epoch: "life0000" })
  const log: Log = {
    ...kept,
    read: (query) => (asked++, kept.read(query)),
    locate: (landmark) => (asked++, kept.locate(landmark)),
  }
  const s = await stage({ log, window: { maxEntries: 0 } })
  await s.hub.publishMany(Array.from({ length: 100 }, (_, i) => ({ topic: "a", id: `own ${i + 1}`, data: `${i + 1}` })))
  await s.clock.settle()
  asked = 0
  return { ...s, asked: () => asked }
}

const missed = Array.from({ length: 50 }, (_, i) => `${i + 51}`)

for (const [what, id] of [
  ["a position", at(50)],
  ["an id of the publisher", "own 50"],
] as const) {
  test(`clients that resume together after ${what} share the reads of the log`, async () => {
    const s = await behind()
    const { asked } = s
    const one = await s.connect({ topics: ["a"] }, { after: id })
    const alone = asked()
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => s.connect({ topics: ["a"] }, { after: id })),
    )
    for (const client of [one, ...clients]) assert.deepEqual([client.data, client.gaps], [missed, []])
    assert.equal(asked(), alone)
    await s.clock.pass(2_000)
    const later = await s.connect({ topics: ["a"] }, { after: id })
    assert.deepEqual([later.data, asked()], [missed, 2 * alone], "pages are not kept for long")
  })
}

test("clients of other topics and permissions do not receive each other's entries, or positions of their ids", async () => {
  const s = await behind()
  await s.hub.publishMany([
    { topic: "b", id: "own 50", data: "b50" },
    { topic: "b", data: "b51" },
    { topic: "a", data: "secret", private: true },
  ])
  await s.clock.settle()
  for (const after of ["own 50", at(50)]) {
    const [a, b, both, allowed] = await Promise.all([
      s.connect({ topics: ["a"] }, { after }),
      s.connect({ topics: ["b"] }, { after }),
      s.connect({ patterns: ["*"] }, { after }),
      s.connect({ topics: ["a"], may: [{ topic: "a" }] }, { after }),
    ])
    assert.deepEqual(a.data, missed)
    assert.deepEqual(b.data, after === at(50) ? ["b50", "b51"] : ["b51"])
    assert.deepEqual(both.data, [...missed, "b50", "b51"])
    assert.deepEqual(allowed.data, [...missed, "secret"])
  }
})

test("a page that was shared is not sent any more when its entries were removed on request", async () => {
  const s = await behind()
  assert.deepEqual((await s.connect({ topics: ["a"] }, { after: at(50) })).data, missed)
  await s.hub.forget("a", { upTo: at(98) })
  const client = await s.connect({ topics: ["a"] }, { after: at(50) })
  assert.deepEqual(client.data, ["99", "100"])
  assert.equal(client.gaps.length, 1)
})

test("an id that was unknown is found as soon as its entry is published", async () => {
  const s = await behind()
  const early = await s.connect({ topics: ["a"] }, { after: "own 101" })
  assert.equal(early.gaps.length, 1)
  await s.hub.publish({ topic: "a", id: "own 101", data: "101" })
  await s.publish("a", "102")
  const client = await s.connect({ topics: ["a"] }, { after: "own 101" })
  assert.deepEqual([client.data, client.gaps], [["102"], []])
})

test("a stream receives what another process has published when this process has received it, and once", async () => {
  let wake = (): void => {}
  const kept = memoryLog({ clock: createClock(), epoch: "life0000" })
  const s = await stage({ log: kept, window: { maxEntries: 0 } })
  await s.publish("a", "1", "2", "3")
  const deaf = s.another({
    log: {
      ...kept,
      async watch(woken) {
        wake = woken
        return async () => {}
      },
    },
  })
  await s.clock.settle()
  await s.publish("a", "4", "5")
  const client = await s.connect({ topics: ["a"] }, { after: at(1) }, deaf)
  assert.deepEqual(client.data, ["2", "3"])
  wake()
  await s.clock.pass(100)
  assert.deepEqual([client.data, client.gaps], [["2", "3", "4", "5"], []])
})

/** Answers that are counted, by a clock that stands still. */
function sharing() {
  const clock = createClock()
  const answers = new SharedAnswers(clock)
  let asked = 0
  const find = async (key: string, chars: number | "changes" = 1, ask?: () => Promise<number>): Promise<number> =>
    answers.find(key, ask ?? (async () => ++asked), () => (chars === "changes" ? undefined : chars))
  return { clock, answers, find }
}

test("an answer is shared for a second, and then forgotten with its timer", async () => {
  const { clock, find } = sharing()
  assert.deepEqual(await Promise.all([find("a"), find("a"), find("b")]), [1, 1, 2])
  assert.equal(clock.timers, 1)
  await clock.pass(999)
  assert.equal(await find("a"), 1)
  await clock.pass(1)
  assert.deepEqual([await find("a"), clock.timers], [3, 1])
  await clock.pass(1_000)
  assert.deepEqual([clock.timers, await find("a")], [0, 4])
})

test("what was asked before everything is forgotten is not kept, and its answer reaches those that asked", async () => {
  const { clock, answers, find } = sharing()
  const early = Promise.withResolvers<number>()
  const first = find("a", 1, () => early.promise)
  answers.forget()
  assert.equal(clock.timers, 0)
  early.resolve(99)
  assert.equal(await first, 99)
  assert.deepEqual([await find("a"), clock.timers], [1, 1])
  answers.forget()
  assert.deepEqual([await find("a"), await find("a")], [2, 2])
})

test("no answer for others is kept: an error, one that changes, and one of more than a million characters", async () => {
  const { find } = sharing()
  await assert.rejects(
    find("a", 1, () => Promise.reject(new Error("away"))),
    /away/,
  )
  assert.equal(await find("a"), 1)
  assert.deepEqual(await Promise.all([find("b", "changes"), find("c", 1_048_577)]), [2, 3])
  assert.deepEqual([await find("b"), await find("c")], [4, 5])
  // a stream that waited for such an answer asks itself
  assert.deepEqual(await Promise.all([find("d", "changes"), find("d", "changes")]), [6, 7])
})

test("all answers have four million characters together, and the oldest leave first", async () => {
  const { find } = sharing()
  for (const key of ["a", "b", "c", "d"]) await find(key, 1_048_576)
  assert.equal(await find("a"), 1)
  await find("e", 1)
  assert.deepEqual([await find("b"), await find("e")], [2, 5])
  assert.equal(await find("a", 1_048_575), 6, "it has left, and comes back as the newest")
  assert.deepEqual([await find("b"), await find("c"), await find("d")], [2, 3, 4])
  await find("f", 1)
  assert.deepEqual([await find("c"), await find("a"), await find("b", 0)], [3, 6, 8])
})

test("two searches run at once, the others in order, and equal ones that wait are one", async () => {
  const lookBacks = new LookBacks()
  const running: { readonly key: string; readonly isOver: () => boolean; end: (answer: unknown) => void }[] = []
  const over = new Set<string>()
  const find = (key: string, by = key): Promise<unknown> =>
    lookBacks.find(
      key,
      (isOver) => new Promise((resolve) => running.push({ key, isOver, end: resolve })),
      () => over.has(by),
    )
  const keys = (): string[] => running.map(({ key }) => key)
  const a = find("a")
  const b = find("b")
  const c = [find("c", "c 1"), find("c", "c 2"), find("c", "c 3")]
  const d = find("d")
  const again = find("a", "a 2")
  assert.deepEqual(keys(), ["a", "b"])
  running[1]?.end("B")
  assert.equal(await b, "B")
  await Promise.resolve()
  assert.deepEqual(keys(), ["a", "b", "c"])
  // it goes on while one of its streams is there
  for (const by of ["c 3", "c 1"]) over.add(by)
  assert.equal(running[2]?.isOver(), false)
  over.add("c 2")
  assert.equal(running[2]?.isOver(), true)
  running[2]?.end(undefined)
  assert.deepEqual(await Promise.all(c), [undefined, undefined, undefined])
  // the same as one that runs began too early for a stream that asks later
  await Promise.resolve()
  assert.deepEqual(keys(), ["a", "b", "c", "d"])
  running[0]?.end("A")
  assert.equal(await a, "A")
  await Promise.resolve()
  assert.deepEqual(keys(), ["a", "b", "c", "d", "a"])
  running[4]?.end("A 2")
  running[3]?.end("D")
  assert.deepEqual([await again, await d], ["A 2", "D"])
  over.add("gone")
  assert.equal(await find("gone"), undefined)
  assert.equal(running.length, 5, "a search without a stream does not begin")
  const failing = lookBacks.find(
    "x",
    () => Promise.reject(new Error("away")),
    () => false,
  )
  await assert.rejects(failing, /away/)
  const last = find("x")
  running[5]?.end("X")
  assert.equal(await last, "X")
})

test("a stream whose client is slow continues in the middle of a page without another read of it", async () => {
  const s = await behind()
  const texts = Array.from({ length: 8 }, (_, i) => String(i).padEnd(40_000))
  await s.publish("a", ...texts)
  const before = s.asked()
  const fast = await s.connect({ topics: ["a"] }, { after: at(100) })
  const reads = s.asked() - before
  assert.deepEqual(fast.data, texts)
  const slow = new Recorder()
  slow.room = 1
  s.hub
    .subscribe({ topics: ["a"] })
    .open({ after: at(100) })
    .start(slow)
  await s.clock.settle()
  assert.ok(slow.data.length > 0 && slow.data.length < texts.length)
  while (slow.data.length < texts.length) {
    slow.drain(1)
    await s.clock.settle()
  }
  assert.deepEqual([slow.data, slow.gaps, s.asked() - before], [texts, [], reads])
})

test("clients that resume together from the window are sent the same bytes, without what was removed on request meanwhile", async () => {
  const s = await stage({ log: memoryLog({ clock: createClock(), epoch: "life0000" }) })
  await s.publish("a", "1", "2", "3")
  const connect = async (): Promise<Recorder> => {
    const recorder = new Recorder()
    s.hub
      .subscribe({ topics: ["a"], follow: false })
      .open({ after: at(1) })
      .start(recorder)
    await s.clock.settle()
    return recorder
  }
  const [one, two] = [await connect(), await connect()]
  assert.deepEqual(
    [one.data, two.data],
    [
      ["2", "3"],
      ["2", "3"],
    ],
  )
  assert.equal(one.frames[0], two.frames[0])
  await s.publish("a", "4")
  assert.deepEqual((await connect()).data, ["2", "3", "4"], "what has arrived since then too")
  await s.hub.forget("a", { upTo: at(2) })
  const later = await connect()
  assert.deepEqual([later.data, later.gaps.length], [["3", "4"], 1])
})
