import assert from "node:assert/strict"
import { test } from "node:test"
import { createConnection } from "../../src/client/connection.ts"
import { nodeFetch } from "../../src/client/node-fetch.ts"
import { stream } from "../../src/client/node.ts"
import type { Clock } from "../../src/clock.ts"
import { createStage, take } from "./watch.ts"

test("back on a network it tries at once, and should that be too soon, shortly after", async (t) => {
  const { server, clock } = await createStage(t, async (exchange) => exchange.reset())
  clock.random = () => 1
  const delays: number[] = []
  const policy = { retry: { base: 100 }, reconnectionTime: 0, isFinite: false, canRepeat: () => true }
  const connection = createConnection(server.url, { clock, fetch: nodeFetch }, policy, {
    onOpen() {},
    onEvent() {},
    onReconnecting: (_, delay) => void delays.push(delay),
  })
  const running = connection.run()
  await clock.pass(5_000)
  const before = server.requests.length
  assert.deepEqual(delays, [100, 200, 400, 800, 1_600, 3_200])
  connection.wake(true)
  await clock.pass(0)
  assert.equal(server.requests.length, before + 1)
  assert.equal(delays.at(-1), 100)
  connection.close()
  await running
})

test("a machine that slept finds within a second that its connection is too old, while its timers stood still", async (t) => {
  const stage = await createStage(t, async (exchange) => {
    await exchange.open()
    await exchange.write(`: heartbeat 15000\nid: ${exchange.index}\ndata: ${exchange.index}\n\n`)
    await exchange.wait(1e9)
  })
  let slept = 0
  const clock: Clock = { ...stage.clock, now: () => stage.clock.now() + slept }
  const events = stream(stage.server.url, { clock, retry: { base: 0 } })
  const given = take(events)
  await stage.clock.pass(5_000)
  assert.deepEqual(given.data, ["0"])
  slept = 3_600_000
  await stage.clock.pass(1_000)
  assert.deepEqual(given.data, ["0", "1"])
  assert.equal(stage.server.requests[1]?.headers["last-event-id"], "0")
  events.close()
})
