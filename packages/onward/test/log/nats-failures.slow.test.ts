import assert from "node:assert/strict"
import { cpSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { stream as openStream } from "../../src/client/node.ts"
import { createHub } from "../../src/hub/index.ts"
import { sse } from "../../src/adapters/node.ts"
import { inSameEpoch } from "../../src/log/index.ts"
import { natsLog } from "../../src/log/nats/index.ts"
import { natsMissing, startNats } from "../stores/nats.ts"
import { connectTo, dataOf, insist, openLog } from "./nats-stage.ts"

const skip = natsMissing ?? false

test(
  "a server that is killed and restarted has all acknowledged messages, and the log continues",
  { skip },
  async (t) => {
    const server = await startNats()
    t.after(() => server.close())
    const log = await openLog(t, server.address)
    const one = await log.append([{ topic: "a", data: "1", idempotencyKey: "1" }])
    let wakes = 0
    await log.watch(() => void wakes++)
    await server.kill()
    await assert.rejects(log.append([{ topic: "a", data: "lost" }]), { code: "log_unavailable", retryable: true })
    await assert.rejects(log.bounds(), { code: "log_unavailable", retryable: true })
    wakes = 0
    await server.restart()
    const two = await insist(() => log.append([{ topic: "a", data: "2", idempotencyKey: "2" }]))
    assert.ok(wakes > 0, "watchers are woken after a reconnect")
    assert.ok(inSameEpoch(one.previous, two.previous), "it is the same life of the log")
    assert.deepEqual(await dataOf(log), ["1", "2"])
    assert.deepEqual(await dataOf(await openLog(t, server.address)), ["1", "2"])
  },
)

test("streams stay open while the server is unavailable, and continue afterwards", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const hub = createHub({ log: natsLog(await connectTo(t, server.address)), onError: () => {} })
  t.after(() => hub.close())
  const web = createServer((req, res) => void sse(req, res, hub.subscribe({ topics: ["a"] })))
  web.listen(0, "127.0.0.1")
  await once(web, "listening")
  t.after(() => web.close())
  t.after(() => web.closeAllConnections())
  const end = new AbortController()
  t.after(() => end.abort())
  const asked = once(web, "request")
  let requests = 0
  web.on("request", () => (requests += 1))
  const events = openStream(`http://127.0.0.1:${(web.address() as AddressInfo).port}`, { signal: end.signal })
  const seen: string[] = []
  const reading = (async () => {
    for await (const { data } of events) if (data !== "lost" && seen.push(data) === 3) break
  })()
  await asked
  await insist(() => hub.publish({ topic: "a", data: "1" }))
  await server.kill()
  await assert.rejects(hub.publish({ topic: "a", data: "lost" }), { code: "log_unavailable" })
  await server.restart()
  for (const data of ["2", "3"]) await insist(() => hub.publish({ topic: "a", data, idempotencyKey: data }))
  await reading
  assert.deepEqual(seen, ["1", "2", "3"])
  assert.equal(requests, 1)
})

for (const [what, request] of [
  ["removed", "$JS.API.STREAM.DELETE.ONWARD"],
  ["emptied", "$JS.API.STREAM.PURGE.ONWARD"],
] as const) {
  test(`a stream that was ${what} from outside begins a new epoch, for every process`, { skip }, async (t) => {
    const server = await startNats()
    t.after(() => server.close())
    const logs = [await openLog(t, server.address), await openLog(t, server.address)] as const
    const { positions } = await logs[0].append(["1", "2", "3"].map((data) => ({ topic: "a", data })))
    await logs[1].bounds()
    await (await connectTo(t, server.address)).request(request)
    for (const log of logs) {
      const { entries, lost } = await insist(() => log.read({ after: positions[0] ?? "", limit: 9 }))
      assert.deepEqual([entries, lost?.reason], [[], "epoch"])
    }
    await insist(() => logs[1].append([{ topic: "a", data: "new" }]))
    for (const log of [...logs, await openLog(t, server.address)]) {
      assert.deepEqual(await insist(() => dataOf(log)), ["new"])
      assert.equal((await log.bounds()).last, (await logs[0].bounds()).last, "it is the same life for all")
    }
  })
}

test("a server that lost its newest messages and reassigned their numbers causes a new epoch", { skip }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const log = await openLog(t, server.address)
  await log.append([{ topic: "a", data: "1" }])
  await server.kill()
  const backup = `${server.store}-backup`
  cpSync(server.store, backup, { recursive: true })
  await server.restart()
  const lost = await insist(() => log.append([{ topic: "a", data: "lost" }]))
  await insist(() => log.append([{ topic: "a", data: "lost, too" }]))
  await server.kill()
  rmSync(server.store, { recursive: true })
  cpSync(backup, server.store, { recursive: true })
  rmSync(backup, { recursive: true })
  await server.restart()
  // another process, which never saw what is lost, gives its numbers away
  const other = await openLog(t, server.address)
  for (const data of ["2", "3", "4"]) await other.append([{ topic: "a", data }])
  const page = await insist(() => log.read({ after: lost.positions[0] ?? "", limit: 9 }))
  assert.equal(page.lost?.reason, "epoch")
  assert.deepEqual(await dataOf(log), ["1", "2", "3", "4"])
  assert.equal((await other.bounds()).last, (await log.bounds()).last, "every process is in the new life")
})
