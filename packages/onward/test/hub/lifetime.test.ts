import assert from "node:assert/strict"
import { getEventListeners } from "node:events"
import { test } from "node:test"
import type { Recorder } from "./recorder.ts"
import { stage } from "./stage.ts"

test("a drain closes streams evenly over its time, each with another time to come back", async () => {
  const { clock, connect, hub } = await stage()
  const clients: Recorder[] = []
  for (let i = 0; i < 1_000; i++) clients.push(await connect({ topics: [`topic ${i}`] }))
  let isDone = false
  void hub.drain({ over: 10_000 }).then(() => (isDone = true))
  const counts: number[] = []
  for (let i = 0; i < 5; i++) {
    await clock.pass(2_000)
    counts.push(clients.filter(({ closed }) => closed === "ended").length)
  }
  assert.ok(isDone)
  assert.equal(counts[4], 1_000)
  assert.deepEqual([hub.stats().connections, clock.timers], [0, 0])
  for (const [i, count] of counts.entries())
    assert.ok(Math.abs(count - (i + 1) * 200) <= 20, `${count} after ${i + 1} of 5`)
  const retries = clients.map(({ blocks }) => Number(blocks.at(-1)?.retry))
  assert.ok(retries.every((retry) => retry >= 500 && retry < 3_000))
  assert.ok(new Set(retries).size > 500, "spread out")
})

test("a draining hub lets nobody in, and goes on publishing to those who are there", async () => {
  const { clock, connect, hub, publish } = await stage()
  const client = await connect({ topics: ["a"] })
  await connect({ topics: ["a"] })
  void hub.drain({ over: 10_000 })
  await assert.rejects(connect({ topics: ["a"] }), { name: "OnwardError", code: "hub_draining", retryable: true })
  await publish("a", "last words")
  assert.deepEqual(client.data, ["last words"])
  await clock.pass(10_000)
  assert.equal(client.closed, "ended")
})

test("a drain without streams, or a second one, is done at once", async () => {
  const { hub } = await stage()
  await hub.drain()
  await hub.drain({ over: 0 })
})

test("a drain that may take no time closes everything now", async () => {
  const { connect, hub } = await stage()
  const clients = [await connect({ topics: ["a"] }), await connect({ topics: ["a"] })]
  await hub.drain({ over: 0 })
  assert.deepEqual(
    clients.map(({ closed }) => closed),
    ["ended", "ended"],
  )
})

test("both of two who drain at once are told when it is done", async () => {
  const { clock, connect, hub } = await stage()
  await connect({ topics: ["a"] })
  let done = 0
  for (let i = 0; i < 2; i++) void hub.drain({ over: 1_000 }).then(() => done++)
  await clock.pass(2_000)
  assert.equal(done, 2)
})

test("streams that leave during a drain do not hold it up, and full ones are dropped", async () => {
  const { clock, connect, hub, publish } = await stage()
  const leaving = await connect({ topics: ["a"] })
  const full = await connect({ topics: ["a"] })
  full.room = 10
  await publish("a", "1", "2")
  let isDone = false
  void hub.drain({ over: 1_000 }).then(() => (isDone = true))
  leaving.leave()
  await clock.pass(1_000)
  assert.ok(isDone)
  assert.equal(full.closed, "aborted")
})

test("closing ends every stream and the log, and nothing can be published any more", async () => {
  const { clock, connect, hub, log } = await stage()
  const client = await connect({ topics: ["a"] })
  await hub.close()
  assert.equal(client.closed, "ended")
  assert.equal(clock.timers, 0)
  const refused = { name: "OnwardError", code: "hub_closed" }
  await assert.rejects(hub.publish({ topic: "a" }), refused)
  await assert.rejects(hub.publishMany([{ topic: "a" }]), refused)
  await assert.rejects(connect({ topics: ["a"] }), refused)
  await assert.rejects(log.bounds(), { code: "log_closed" })
  await hub.close()
  await hub.drain()
})

test("a hub can be disposed of by its scope", async () => {
  const { connect, hub } = await stage()
  const client = await connect({ topics: ["a"] })
  {
    await using scoped = hub
    assert.equal(scoped.stats().connections, 1)
  }
  assert.equal(client.closed, "ended")
})

test("an aborted signal ends its streams, all of them, and only them", async () => {
  const { clock, connect, hub } = await stage()
  const controller = new AbortController()
  const mine = [
    await connect({ topics: ["a"], signal: controller.signal }),
    await connect({ topics: ["b"], signal: controller.signal }),
  ]
  const other = await connect({ topics: ["a"] })
  assert.equal(getEventListeners(controller.signal, "abort").length, 1, "one listener for any number of streams")
  controller.abort()
  assert.deepEqual(
    mine.map(({ closed }) => closed),
    ["ended", "ended"],
  )
  assert.ok(
    mine.every(({ events }) => events.length === 0),
    "clients come back: no stream.end",
  )
  assert.equal(other.closed, undefined)
  assert.equal(hub.stats().connections, 1)
  const late = await connect({ topics: ["a"], signal: controller.signal })
  assert.equal(late.closed, "ended")
  await clock.settle()
  assert.equal(hub.stats().connections, 1)
})

test("a stream ends with stream.end after the entry its subscriber waits for, live", async () => {
  const { clock, connect, hub } = await stage()
  const client = await connect({ topics: ["a"], until: ({ event }) => event === "done" })
  const other = await connect({ topics: ["a"] })
  await hub.publishMany([
    { topic: "a", data: "1" },
    { topic: "a", data: "2", event: "done" },
    { topic: "a", data: "3" },
  ])
  await clock.settle()
  assert.deepEqual(client.data, ["1", "2"])
  assert.deepEqual(client.blocks.at(-1), { event: "stream.end", id: "stream.end", data: "{}" })
  assert.equal(client.closed, "ended")
  assert.deepEqual(other.data, ["1", "2", "3"])
  assert.equal(hub.stats().connections, 1)
})

for (const entries of [1, 100]) {
  test(`a stream ends with stream.end after the entry its subscriber waits for, in history, window of ${entries}`, async () => {
    const { connect, hub, publish } = await stage({ window: { entries } })
    await publish("a", "1", "2", "done", "3")
    const client = await connect({ topics: ["a"], until: ({ data }) => data === "done" }, "earliest")
    assert.deepEqual(client.data, ["1", "2", "done"])
    assert.equal(client.blocks.at(-1)?.event, "stream.end")
    assert.equal(client.closed, "ended")
    assert.equal(hub.stats().connections, 0)
  })
}

test("a stream older than it may become is closed, and its client told when to come back", async () => {
  const { clock, connect, publish } = await stage({ maxAge: 600_000 })
  const client = await connect({ topics: ["a"] })
  await publish("a", "1")
  await clock.pass(500_000)
  assert.equal(client.closed, undefined)
  await clock.pass(116_000)
  assert.equal(client.closed, "ended")
  assert.ok(Number(client.blocks.at(-1)?.retry) >= 500)
  assert.equal(client.events.length, 1)
})
