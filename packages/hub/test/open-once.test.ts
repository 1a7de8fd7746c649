import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub, type Subscription } from "onward"
import { testServer } from "./server.ts"

test("a request for a stream checks the limits once, whether it is accepted or refused", async (t) => {
  const prototype = Object.getPrototypeOf(createHub().subscribe({ topics: ["a"] })) as Subscription
  const { url } = await testServer(t, {
    log: "memory:",
    limits: { streamsPerAddress: 1 },
    mercure: { anonymous: true },
  })
  const open = t.mock.method(prototype, "open")
  const leaving = new AbortController()
  t.after(() => leaving.abort())
  const ask = async (path: string): Promise<number> =>
    (await fetch(`${url}${path}`, { signal: leaving.signal, headers: { accept: "*/*" } })).status
  assert.equal(await ask("/events?topic=a"), 200)
  assert.equal(open.mock.callCount(), 1)
  assert.equal(await ask("/events?topic=a"), 429)
  assert.equal(open.mock.callCount(), 2)
  assert.equal(await ask("/.well-known/mercure?topic=a"), 429)
  assert.equal(open.mock.callCount(), 3)
})

test("a start point that the log cannot have is refused as JSON, like all errors of the hub", async (t) => {
  const { url } = await testServer(t, { log: "memory:" })
  const response = await fetch(`${url}/events?topic=a`, { headers: { "last-event-id": "x".repeat(3_000) } })
  assert.equal(response.status, 400)
  const { error } = (await response.json()) as { error: { code: string } }
  assert.equal(error.code, "cursor_too_long")
})
