// Your own tests: no socket, no waiting. Here under node:test; Vitest and Jest do as well.
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

  await reader.cut() // as networks do, without a goodbye
  assert.equal(hub.stats().connections, 0)
  await hub.publish({ topic: "news", data: { headline: "missed" } })
  await clock.pass(60_000) // at once

  const again = await reader.reconnect() // as an EventSource does, with the last event id
  assert.deepEqual((await again.next()).json(), { headline: "missed" })
  await again.cut()
})
