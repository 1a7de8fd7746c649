import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { createHub, type Hub } from "../../src/hub/index.ts"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { lines } from "./lines.ts"
import { startWay } from "./half-open.ts"
import { startNode, type Client, type Line } from "./node.ts"

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

async function connect(t: TestContext, line: Line, url: string, fetch?: typeof globalThis.fetch): Promise<Client> {
  const client = await line.connect(url, fetch)
  t.after(() => client.close())
  return client
}

/** A log whose reads take their time, as those of a store elsewhere do. */
const slowly = (log: Log, ms: number): Log => ({
  ...log,
  async read(query) {
    const page = await log.read(query)
    await sleep(ms)
    return page
  },
})

/** A hub in a process of its own: what is closed with one test is not the others' log. */
function hubOn(t: TestContext, log: Log): Hub {
  const hub = createHub({ log: { ...log, close: async () => {} } })
  t.after(() => hub.close())
  return hub
}

for (const line of lines) {
  test(`${line.name}: a tool call whose connection is cut continues, and its client misses nothing`, async (t) => {
    const node = await startNode(t, line, memoryLog(), async ({ notify }, { cut }) => {
      for (const step of upTo(30)) {
        await notify(step)
        if (step === 9 || step === 19) cut()
        if (step % 3 === 0) await sleep(2)
      }
    })
    const client = await connect(t, line, node.url)
    assert.equal(await client.work(), "done")
    assert.deepEqual(client.steps, upTo(30))
  })

  test(`${line.name}: a server that closes streams for reconnects loses and repeats nothing, with a store of any speed`, async (t) => {
    const node = await startNode(t, line, slowly(memoryLog(), 15), async ({ notify, closeStream }) => {
      for (const step of upTo(30)) {
        await notify(step)
        if (step % 4 === 0) closeStream()
        // a little more than a read: mostly a message is sent between a client's last read and its being back
        await sleep(20)
      }
    })
    const client = await connect(t, line, node.url)
    assert.equal(await client.work(), "done")
    assert.deepEqual(client.steps, upTo(30))
  })

  test(`${line.name}: messages stored while no client is connected are delivered when the client reconnects`, async (t) => {
    const node = await startNode(t, line, memoryLog(), async ({ notify, closeStream }) => {
      await notify(0)
      closeStream()
      await Promise.all([1, 2, 3, 4].map(notify))
    })
    const client = await connect(t, line, node.url)
    assert.equal(await client.work(), "done")
    assert.deepEqual(client.steps, upTo(5))
  })

  for (const kind of ["log", "hub"]) {
    test(`${line.name}: a client continues at another node with the same ${kind}, in the middle of a call`, async (t) => {
      const log = memoryLog()
      const place = (): Log | Hub => (kind === "log" ? log : hubOn(t, log))
      const resumed = Promise.withResolvers<void>()
      const here = await startNode(t, line, place(), async ({ notify, closeStream }) => {
        for (const step of upTo(10)) await notify(step)
        closeStream()
        for (const step of [10, 11, 12]) await notify(step)
        await resumed.promise
        for (const step of [13, 14]) await notify(step)
      })
      const there = await startNode(t, line, place(), async () => {})
      const statuses: number[] = []
      // a balancer that sends who resumes to the other node
      const client = await connect(t, line, here.url, async (url, init) => {
        if (!new Headers(init?.headers).has("last-event-id")) return fetch(url, init)
        const response = await fetch(there.url, init)
        statuses.push(response.status)
        resumed.resolve()
        return response
      })
      assert.equal(await client.work(), "done")
      assert.deepEqual(client.steps, upTo(15))
      assert.deepEqual(statuses, [200])
    })
  }
}

for (const line of lines) {
  test(`${line.name}: a client that is disconnected before the first message continues at another node`, async (t) => {
    const log = memoryLog()
    const twice = Promise.withResolvers<void>()
    const here = await startNode(t, line, log, async ({ notify, closeStream }) => {
      await notify(0)
      closeStream()
      await twice.promise
      await notify(1)
    })
    const there = await startNode(t, line, log, async () => {})
    let resumed = 0
    const client = await connect(t, line, here.url, async (url, init) => {
      if (!new Headers(init?.headers).has("last-event-id")) return fetch(url, init)
      const response = await fetch(there.url, init)
      if (++resumed === 1) setTimeout(there.cut, 20)
      else twice.resolve()
      return response
    })
    assert.equal(await client.work(), "done")
    assert.deepEqual(client.steps, [0, 1])
    assert.equal(resumed, 2)
  })
}

for (const line of lines) {
  test(`${line.name}: a client whose connection died silently receives the result of its call`, async (t) => {
    const resumed = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const node = await startNode(t, line, memoryLog(), async ({ notify }) => {
      await notify(0)
      for (const [at, { promise }] of resumed.entries()) {
        for (let wait = 0; client.steps.length <= at * 2 && wait < 2_000; wait++) await sleep(2)
        way.dieSilently()
        // into a connection that the server takes for alive
        await notify(at * 2 + 1)
        await promise
        await notify(at * 2 + 2)
      }
    })
    const way = await startWay(t, node.url)
    const statuses: number[] = []
    const client: Client = await connect(t, line, way.url, async (url, init) => {
      const response = await fetch(url, init)
      if (!new Headers(init?.headers).has("last-event-id")) return response
      statuses.push(response.status)
      resumed[statuses.length - 1]?.resolve()
      return response
    })
    assert.equal(await client.work(), "done")
    assert.deepEqual(client.steps, upTo(5))
    assert.deepEqual(new Set(statuses), new Set([200]))
  })
}
