import assert from "node:assert/strict"
import { test } from "node:test"
import { at, stage } from "./stage.ts"

test("a silent stream gets a comment within every heartbeat interval", async () => {
  const { clock, connect } = await stage({ heartbeat: 15_000 })
  const client = await connect({ topics: ["a"] })
  const before = client.blocks.length
  let written = client.frames.length
  let silentSince = clock.now()
  for (let i = 0; i < 600; i++) {
    await clock.pass(500)
    if (client.frames.length > written) silentSince = clock.now()
    written = client.frames.length
    assert.ok(clock.now() - silentSince <= 15_000, "never silent for longer")
  }
  const beats = client.blocks.slice(before)
  assert.ok(beats.length >= 20 && beats.length <= 24, `${beats.length} beats in 300 s`)
  assert.ok(beats.every(({ comment, id }) => comment === "" && id === undefined))
})

test("a heartbeat is a checkpoint if the log has advanced without this stream", async () => {
  const { clock, connect, publish } = await stage()
  const client = await connect({ topics: ["quiet"] })
  await publish("busy", "1", "2", "3")
  assert.equal(client.blocks.length, 1, "not before the heartbeat")
  await clock.pass(15_000)
  assert.deepEqual(client.blocks.slice(1), [{ event: "stream.checkpoint", id: at(3), data: "{}" }])
  assert.deepEqual(client.events, [], "nothing that fires a handler")
  await clock.pass(15_000)
  assert.deepEqual(client.blocks.slice(2), [{ comment: "" }], "once is enough")
})

test("a stream with events gets no heartbeats between them", async () => {
  const { clock, connect, publish } = await stage()
  const client = await connect({ topics: ["a"] })
  for (let i = 0; i < 20; i++) {
    await clock.pass(5_000)
    await publish("a", String(i))
  }
  assert.deepEqual(
    client.blocks.filter(({ comment }) => comment !== undefined),
    [],
  )
  assert.equal(client.data.length, 20)
})

test("after its own events a stream's heartbeat is a comment, not a repeated checkpoint", async () => {
  const { clock, connect, publish } = await stage()
  const client = await connect({ topics: ["a"] })
  await publish("a", "1")
  await clock.pass(15_000)
  assert.deepEqual(client.blocks.at(-1), { comment: "" })
})

test("a checkpoint never overtakes events of its turn", async () => {
  const { clock, connect, hub } = await stage()
  const client = await connect({ topics: ["a"] })
  await clock.pass(13_000)
  // published as time passes, so that heartbeats come between a publish and the end of its turn
  for (let i = 0; i < 10; i++) {
    void hub.publish({ topic: i % 2 ? "a" : "b", data: String(i) })
    await clock.pass(500)
  }
  const ids = client.blocks.flatMap(({ id }) => id ?? [])
  assert.deepEqual(ids, [...ids].sort(), "resume points only move on")
  assert.deepEqual(client.data, ["1", "3", "5", "7", "9"])
})

test("heartbeats of streams that connected together spread over time", async () => {
  const { clock, connect } = await stage()
  const clients = []
  for (let i = 0; i < 50; i++) clients.push(await connect({ topics: ["a"] }))
  await clock.pass(150_000)
  const counts = clients.map(({ frames }) => frames.length)
  let moments = 0
  for (let i = 0; i < 30; i++) {
    await clock.pass(500)
    if (clients.some(({ frames }, i) => frames.length > (counts[i] ?? 0))) moments++
    clients.forEach(({ frames }, i) => (counts[i] = frames.length))
  }
  assert.ok(moments >= 3, `they beat at ${moments} moments`)
})
