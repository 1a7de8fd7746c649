import assert from "node:assert/strict"
import { test } from "node:test"
import { createConnection } from "../../src/client/connection.ts"
import { nodeFetch } from "../../src/client/node-fetch.ts"
import { createStage } from "./watch.ts"

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
