import assert from "node:assert/strict"
import { test } from "node:test"
import type { SubscribeOptions } from "../../src/hub/index.ts"
import { stage } from "./stage.ts"

const STREAMS = 1_000

test("of a thousand streams under load, those whose login ends receive no further event, and the others every one", async () => {
  const { connect, hub, clock, publish } = await stage()
  const login = new AbortController()
  const isRevoked = (i: number): boolean => i % 2 === 0
  const options = (i: number): SubscribeOptions =>
    isRevoked(i) ? { topics: ["a"], signal: login.signal } : { topics: ["a"] }
  const clients = await Promise.all(Array.from({ length: STREAMS }, (_, i) => connect(options(i))))
  // some of them do not read, and one is behind
  clients.slice(0, 10).forEach((client) => (client.room = 1))
  await publish("a", "before", "and still before")
  const last = hub.publish({ topic: "a", data: "under way" })
  login.abort()
  const closed = clients.map((client) => client.closed !== undefined)
  const got = clients.map(({ data }) => data.length)
  await last
  await publish("a", "after")
  clients.forEach((client) => client.drain())
  await clock.settle()
  for (const [i, client] of clients.entries()) {
    assert.equal(closed[i], isRevoked(i), "at once")
    if (isRevoked(i)) assert.equal(client.data.length, got[i])
    else assert.deepEqual(client.data, ["before", "and still before", "under way", "after"])
  }
  assert.equal(hub.stats().connections, STREAMS / 2)
})

test("a session that is revoked by an entry on its own topic ends in every process, after earlier entries", async () => {
  const { connect, another, hub, clock, publish } = await stage()
  const other = another()
  const session = (name: string): SubscribeOptions => ({
    topics: ["a", `session/${name}`],
    until: ({ topic }) => topic === `session/${name}`,
  })
  const [here, there] = [await connect(session("1")), await connect(session("1"), undefined, other)]
  const stays = await connect(session("2"), undefined, other)
  await publish("a", "before")
  await hub.publish({ topic: "session/1", event: "revoked" })
  await publish("a", "after")
  await clock.settle()
  for (const client of [here, there]) {
    assert.deepEqual(
      client.events.map(({ event, data }) => event ?? data),
      ["before", "revoked", "stream.end"],
    )
    assert.equal(client.closed, "ended")
  }
  assert.deepEqual(stays.data, ["before", "after"])
})
