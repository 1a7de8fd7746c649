import assert from "node:assert/strict"
import { test } from "node:test"
import { stream, type StreamOptions } from "../../src/client/node.ts"
import { TRANSPORTS } from "./transports.ts"
import { createStage, take } from "./watch.ts"

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  test(`a reconnect that takes less than a second is not reported, over ${transport}`, async (t) => {
    const { server, clock } = await createStage(t, async (exchange) => {
      await exchange.open()
      await exchange.write(`retry: 500\nid: ${exchange.index}\ndata: ${exchange.index}\n\n`)
      await exchange.wait(20_000)
      if (exchange.index < 2) exchange.reset()
    })
    const states: string[] = []
    const onStatus: StreamOptions["onStatus"] = ({ state }) => states.push(state)
    const events = stream(server.url, { clock, fetch, onStatus, retry: { base: 100 } })
    const given = take(events)
    await clock.pass(20_100)
    assert.equal(events.status.state, "open", "while it waits")
    await clock.pass(25_000)
    events.close()
    assert.deepEqual(given.data, ["0", "1", "2"])
    assert.deepEqual(states, ["connecting", "open", "open", "open", "ended"])
  })

  test(`a longer reconnect is reported, with its present state, over ${transport}`, async (t) => {
    const { server, clock } = await createStage(t, async (exchange) => {
      if (exchange.index > 0 && exchange.index < 4) return exchange.reset()
      await exchange.open()
      await exchange.write("retry: 400\ndata: a\n\n")
      await exchange.wait(20_000)
      exchange.reset()
    })
    const told: [string, number][] = []
    const start = clock.now()
    const events = stream(server.url, {
      clock,
      fetch,
      retry: { base: 0 },
      onStatus: ({ state }) => told.push([state, clock.now() - start]),
    })
    take(events)
    await clock.pass(22_000)
    events.close()
    assert.deepEqual(told.slice(0, 3), [
      ["connecting", 0],
      ["open", 0],
      ["reconnecting", 21_000],
    ])
    assert.deepEqual(told.at(-2), ["open", 21_600])
  })

  test(`reconnect() ends a wait, replaces a connection, and resumes after the last event, over ${transport}`, async (t) => {
    const { server, clock } = await createStage(t, async (exchange) => {
      if (exchange.index === 0) return exchange.head(503, { "retry-after": "1000" }).then(() => exchange.end())
      await exchange.open()
      await exchange.write(`id: ${exchange.index}\ndata: ${exchange.index}\n\n`)
    })
    const events = stream(server.url, { clock, fetch, onStatus() {} })
    events.reconnect()
    assert.equal(events.status.state, "idle", "it has not begun")
    const given = take(events)
    await clock.settle()
    assert.equal(server.requests.length, 1)
    events.reconnect()
    await clock.settle()
    assert.deepEqual(given.data, ["1"])
    events.reconnect()
    await clock.pass(0)
    assert.deepEqual(given.data, ["1", "2"])
    assert.equal(server.requests[2]?.headers["last-event-id"], "1")
    await server.requests[1]?.closed
    assert.equal(clock.now(), server.requests[0]?.at)
    events.close()
    events.reconnect()
    await clock.pass(60_000)
    assert.deepEqual([server.requests.length, given.ending], [3, "end"])
  })

  test(`reconnect() does not replace a POST that cannot resume, over ${transport}`, async (t) => {
    const { server, clock } = await createStage(t, async (exchange) => {
      await exchange.open()
      await exchange.write("data: a\n\n")
      await exchange.wait(1_000)
      await exchange.write("data: b\n\n")
      await exchange.end()
    })
    const events = stream(server.url, { clock, fetch, body: "x" })
    const given = take(events)
    await clock.settle()
    events.reconnect()
    await clock.pass(5_000)
    assert.deepEqual([given.data, given.ending, server.requests.length], [["a", "b"], "end", 1])
  })
}
