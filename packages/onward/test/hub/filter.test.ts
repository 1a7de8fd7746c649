import assert from "node:assert/strict"
import { test } from "node:test"
import type { Entry } from "../../src/message.ts"
import { at, stage } from "./stage.ts"

test("a filter decides what its stream is sent, live and from history", async () => {
  const s = await stage()
  await s.publish("a", "1", "2", "3")
  const even = await s.connect({ topics: ["a"], filter: ({ data }) => Number(data) % 2 === 0 }, "earliest")
  const all = await s.connect({ topics: ["a"] })
  await s.publish("a", "4", "5", "6")
  await s.hub.publishMany(["7", "8", "9"].map((data) => ({ topic: "a", data })))
  await s.clock.settle()
  assert.deepEqual(even.data, ["2", "4", "6", "8"])
  assert.deepEqual(all.data, ["4", "5", "6", "7", "8", "9"])
  // what was left out is not sent again
  await s.clock.pass(30_000)
  assert.equal(even.lastEventId, at(9))
})

test("a filter sees patterns, and stands before until", async () => {
  const s = await stage()
  const seen: string[] = []
  const stream = await s.connect({
    patterns: ["room/*"],
    filter({ topic, data }) {
      seen.push(`${topic} ${data}`)
      return data !== "end of another"
    },
    until: ({ data }) => data.startsWith("end"),
  })
  await s.publish("room/1", "1", "end of another", "2")
  await s.publish("news", "1")
  await s.publish("room/2", "end")
  assert.deepEqual(stream.data, ["1", "2", "end"])
  assert.deepEqual(seen, ["room/1 1", "room/1 end of another", "room/1 2", "room/2 end"])
  assert.equal(stream.closed, "ended")
})

test("a filter runs once for an entry that its stream selects in several ways", async () => {
  const s = await stage()
  const seen: string[] = []
  await s.connect({
    topics: ["room/1", "news"],
    patterns: ["room/*", "*"],
    filter({ data }) {
      seen.push(data)
      return true
    },
  })
  await s.hub.publish({ topic: "room/1", also: ["news"], data: "1" })
  await s.publish("room/1", "2")
  await s.clock.settle()
  assert.deepEqual(seen, ["1", "2"])
})

for (const start of ["live", "earliest"] as const) {
  test(`a filter that throws ends its own stream only, when it starts ${start}`, async () => {
    const s = await stage()
    if (start === "earliest") await s.publish("a", "1", "bad", "2")
    const filter = ({ data }: Entry): boolean => {
      if (data === "bad") throw new Error("mine")
      return true
    }
    const stream = await s.connect({ topics: ["a"], filter }, start)
    const other = await s.connect({ topics: ["a"] }, start)
    if (start === "live") await s.publish("a", "1", "bad", "2")
    assert.deepEqual([stream.data, stream.closed], [["1"], "ended"])
    assert.equal(stream.events.at(-1)?.event, "stream.end")
    assert.deepEqual([other.data, other.closed], [["1", "bad", "2"], undefined])
    assert.deepEqual(s.errors.map(String), ["Error: mine"])
  })
}

test("streams with a filter are limited, and give their place back", async () => {
  const s = await stage({ limits: { filters: 2 } })
  const filter = (): boolean => true
  const streams = [await s.connect({ topics: ["a"], filter }), await s.connect({ topics: ["a"], filter })]
  assert.throws(() => s.hub.subscribe({ topics: ["a"], filter }).open(), {
    code: "too_many_filters",
    status: 503,
    retryable: true,
  })
  await s.connect({ topics: ["a"] })
  streams[0]?.leave()
  await s.connect({ topics: ["a"], filter })
  assert.throws(() => s.hub.subscribe({ topics: ["a"], filter: "a" as never }), /`filter` must be a function/)
})
