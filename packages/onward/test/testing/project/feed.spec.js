// Tests as a user writes them, for whichever runner gives `test` and `expect`.
import { createHub } from "onward"
import { sse as answer } from "onward/node"
import { connect, createClock } from "onward/testing"
import { sse as respond } from "onward/web"

/** Fake timers, as each runner has them. */
const { useFakeTimers, useRealTimers } = globalThis.vi ?? import.meta.jest

const clock = createClock()
const hub = createHub({ clock })
const subscription = hub.subscribe({ topics: ["news"] })

const handlers = {
  "node:http": (req, res) => answer(req, res, subscription),
  fetch: { fetch: (request) => respond(request, subscription) },
}

for (const [name, handler] of Object.entries(handlers)) {
  test(`${name}: a client that lost its connection receives the missed events`, async () => {
    const reader = await connect(handler)
    const seen = await hub.publish({ topic: "news", data: { headline: "seen" } })
    const event = await reader.next()
    expect(event).toEqual({ event: "message", data: '{"headline":"seen"}', id: seen })
    expect(event).toStrictEqual({ event: "message", data: '{"headline":"seen"}', id: seen })
    expect(event.json()).toEqual({ headline: "seen" })

    await reader.cut()
    expect(hub.stats().connections).toBe(0)
    const missed = await hub.publish({ topic: "news", data: "missed" })
    const again = await reader.reconnect()
    expect(await again.take(1)).toEqual([{ event: "message", data: "missed", id: missed }])
    await again.cut()
  })

  test(`${name}: a quiet stream has a heartbeat`, async () => {
    const reader = await connect(handler)
    const { length } = reader.comments
    await clock.pass(15_000)
    expect(reader.comments).toHaveLength(length + 1)
    await reader.cut()
    expect(clock.timers).toBe(0)
  })

  test(`${name}: the fake timers of the runner delay nothing`, async () => {
    useFakeTimers()
    try {
      const reader = await connect(handler)
      const id = await hub.publish({ topic: "news", data: "published" })
      expect(await reader.next()).toEqual({ event: "message", data: "published", id })
      await reader.cut()
      const again = await reader.reconnect()
      await clock.pass(15_000)
      await again.cut()
    } finally {
      useRealTimers()
    }
  })
}
