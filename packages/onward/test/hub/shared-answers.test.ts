import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { createClock } from "../../src/testing/index.ts"
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
