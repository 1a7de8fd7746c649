import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { createConnection } from "../../src/client/connection.ts"
import { nodeFetch } from "../../src/client/node-fetch.ts"
import { stream } from "../../src/client/node.ts"
import type { Clock } from "../../src/clock.ts"
import { createStage, take } from "./watch.ts"

/** What a page is told when it is back on a network. */
function goOnline(t: TestContext): () => void {
  const self = new EventTarget()
  Object.assign(globalThis, { self })
  t.after(() => Reflect.deleteProperty(globalThis, "self"))
  return () => self.dispatchEvent(new Event("online"))
}

test("back on a network it reconnects at once, and if that is too soon, shortly after", async (t) => {
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

/** A stage whose server announces a heartbeat, and then says nothing: the connection did not survive. */
const createDeadStage = (t: TestContext): ReturnType<typeof createStage> =>
  createStage(t, async (exchange) => {
    await exchange.open()
    await exchange.write(`: heartbeat 15000\nid: ${exchange.index}\ndata: ${exchange.index}\n\n`)
    await exchange.wait(1e9)
  })

test("after the machine slept, it replaces its connection within a second, where the monotonic clock counts sleep", async (t) => {
  const stage = await createDeadStage(t)
  let slept = 0
  const clock: Clock = {
    ...stage.clock,
    now: () => stage.clock.now() + slept,
    monotonic: () => stage.clock.monotonic() + slept,
  }
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

test("after the machine slept, it does not wait for two heartbeats, also where the monotonic clock stops during sleep", async (t) => {
  const stage = await createDeadStage(t)
  const events = stream(stage.server.url, { clock: stage.clock, retry: { base: 0 } })
  const given = take(events)
  await stage.clock.pass(5_000)
  stage.clock.setTime(stage.clock.now() + 3_600_000)
  await stage.clock.pass(11_000)
  assert.deepEqual(given.data, ["0"], "somebody may have set the time: a heartbeat is still to come")
  await stage.clock.pass(2_000)
  assert.deepEqual(given.data, ["0", "1"])
  assert.equal(stage.server.requests[1]?.headers["last-event-id"], "0")
  events.close()
})

test("a page that is shown again after the machine slept replaces its connection at once", async (t) => {
  const document = Object.assign(new EventTarget(), { hidden: false })
  Object.assign(globalThis, { document })
  t.after(() => Reflect.deleteProperty(globalThis, "document"))
  const stage = await createDeadStage(t)
  const events = stream(stage.server.url, { clock: stage.clock, retry: { base: 0 } })
  const given = take(events)
  await stage.clock.pass(5_000)
  stage.clock.setTime(stage.clock.now() + 3_600_000)
  document.dispatchEvent(new Event("visibilitychange"))
  await stage.clock.pass(100)
  assert.deepEqual(given.data, ["0", "1"])
  events.close()
})

for (const [how, step] of Object.entries({ back: -3_600_000, ahead: 3_600_000, "ahead a little": 8_000 })) {
  test(`repeated changes of the wall clock ${how} cut no stream of a running server`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      await exchange.open()
      await exchange.write(": heartbeat 15000\n\n")
      while (!exchange.isOver) {
        await exchange.wait(15_000)
        await exchange.write(":\n\n")
      }
    })
    const events = stream(stage.server.url, { clock: stage.clock, idleTimeout: 20_000, connectTimeout: 5_000 })
    take(events)
    await stage.clock.pass(0)
    for (let i = 0; i < 100; i++) {
      stage.clock.setTime(stage.clock.now() + step)
      await stage.clock.pass(1_700)
    }
    assert.equal(stage.server.requests.length, 1)
    events.close()
  })

  test(`repeated changes of the wall clock ${how} hide no silence`, async (t) => {
    const stage = await createDeadStage(t)
    const events = stream(stage.server.url, { clock: stage.clock, idleTimeout: 30_000, retry: { base: 0 } })
    take(events)
    await stage.clock.pass(0)
    for (let i = 0; i < 33; i++) {
      stage.clock.setTime(stage.clock.now() + step)
      await stage.clock.pass(1_000)
    }
    assert.ok(stage.server.requests.length >= 2)
    events.close()
  })
}

test("a request that cannot be repeated is not aborted because the network changed: it can have survived", async (t) => {
  const online = goOnline(t)
  for (const options of [{ body: { prompt: "?" } }, { retry: false }, { repeat: "never" }] as const) {
    const stage = await createStage(t, async (exchange) => {
      await exchange.open()
      await exchange.write("data: 1\n\n")
      await exchange.wait(1_000)
      await exchange.write("data: 2\n\n")
      await exchange.end()
    })
    const given = take(stream(stage.server.url, { clock: stage.clock, reconnectOnEnd: false, ...options }))
    await stage.clock.settle()
    online()
    await stage.clock.pass(1_000)
    assert.deepEqual([given.data, given.ending], [["1", "2"], "end"], JSON.stringify(options))
    assert.equal(stage.server.requests.length, 1)
  }
})

test("a connection lost while the program did not read is replaced before reading continues", async (t) => {
  const online = goOnline(t)
  const { server, clock } = await createStage(t, async (exchange) => {
    await exchange.open()
    await exchange.write(`retry: 0\n\ndata: a\n\nid: ${exchange.index}\ndata: b\n\n`)
  })
  const events = stream(server.url, { clock, retry: { base: 0 } })
  const take = async (): Promise<unknown> => (await events.next()).value?.data
  assert.equal(await take(), "a")
  await clock.settle()
  online()
  assert.equal(await take(), "b")
  await clock.pass(1)
  assert.deepEqual(
    server.requests.map(({ headers }) => headers["last-event-id"]),
    [undefined, "0"],
  )
  assert.equal(await take(), "a")
  events.close()
})

test("a clock that is set back makes no client wait longer than the allowed silence", async (t) => {
  const stage = await createStage(t, async (exchange) => {
    await exchange.open()
    await exchange.write(`id: ${exchange.index}\ndata: ${exchange.index}\n\n`)
  })
  for (const limit of ["idleTimeout", "eventTimeout"]) {
    let back = 0
    const clock: Clock = { ...stage.clock, now: () => stage.clock.now() - back }
    const events = stream(stage.server.url, { clock, [limit]: 20_000, retry: { base: 0 } })
    const before = stage.server.requests.length
    take(events)
    await stage.clock.pass(10_000)
    assert.equal(stage.server.requests.length, before + 1)
    back = 3_600_000
    await stage.clock.pass(22_000)
    assert.equal(stage.server.requests.length, before + 2, limit)
    events.close()
  }
})
