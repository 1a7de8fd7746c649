// Tests of your streams, without sockets and without waiting. Here with node:test; Vitest and Jest work too.
import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub } from "onward"
import { sse } from "onward/node"
import { connect, createClock } from "onward/testing"

test("a client that lost its connection gets what it missed", async () => {
  const clock = createClock() // stands still
  const hub = createHub({ clock })
  const reader = await connect((req, res) => sse(req, res, hub.subscribe({ topics: ["news"] })))

  await hub.publish({ topic: "news", data: { headline: "seen" } })
  const event = await reader.next()
  assert.deepEqual(event.json(), { headline: "seen" })

  await reader.cut() // like a lost network: without a close
  assert.equal(hub.stats().connections, 0)
  await hub.publish({ topic: "news", data: { headline: "missed" } })
  await clock.pass(60_000) // without waiting

  const again = await reader.reconnect() // like an EventSource, with the last event id
  assert.deepEqual((await again.next()).json(), { headline: "missed" })
  await again.cut()
})
