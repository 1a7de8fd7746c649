import assert from "node:assert/strict"
import { getEventListeners } from "node:events"
import { test } from "node:test"
import { createHub } from "../../src/hub/index.ts"
import { memoryLog } from "../../src/log/index.ts"
import { eventStore, resume } from "../../src/mcp/index.ts"
import { sse } from "../../src/web/index.ts"
import { assertGivesBack } from "../garbage.ts"

const message = (data: unknown) => ({ jsonrpc: "2.0", method: "notifications/message", params: { data } })

const COUNT = 2_000
let made = 0

test("sessions that are never ended leave no memory behind, in a log that keeps little", async () => {
  const log = memoryLog({ retention: { count: 50 } })
  // the log remembers where it removed the entries of 10,000 topics: then it remembers no more
  for (let i = 0; i < 12; i++)
    await log.append(Array.from({ length: 1_000 }, (_, at) => ({ topic: `topic ${i} ${at}`, data: "" })))
  await assertGivesBack(COUNT, async () => {
    for (let i = 0; i < COUNT; i++) {
      const store = eventStore(log, { session: `session ${++made}` })
      const id = await store.storeEvent("stream", {})
      await store.storeEvent("stream", message(i))
      await store.replayEventsAfter(id, { send: async () => {} })
    }
  })
})

for (const kind of ["log", "hub"] as const) {
  test(`streams that are resumed by a ${kind} and cancelled leave no memory and no listener behind`, async () => {
    const log = memoryLog()
    const hub = createHub({ log })
    const from = kind === "log" ? log : hub
    const { signal } = new AbortController()
    const store = eventStore(from, { session: "ann" })
    const id = await store.storeEvent("stream", message(0))
    const open = async (session: string, lastEventId: string): Promise<Response> => {
      const request = new Request("http://hub/mcp", { headers: { "last-event-id": lastEventId } })
      return sse(request, resume(from, { session, protocol: "2025-11-25", signal }))
    }
    // a stream takes some KiB, what the second round compiles some bytes for each
    await assertGivesBack(COUNT * 10, async () => {
      for (let i = 0; i < COUNT; i += 50) {
        await Promise.all(
          Array.from({ length: 50 }, async (_, at) => {
            const response = await open("ann", id)
            assert.equal(response.status, 200)
            const reader = response.body?.getReader()
            if (at % 2 === 0) await reader?.read()
            await reader?.cancel()
          }),
        )
        // of another owner's session, and of none
        const [foreign, unknown] = [await open("bob", id), await open(`unknown ${++made}`, "x")]
        assert.deepEqual([foreign.status, unknown.status], [404, 404])
        await Promise.all([foreign.text(), unknown.text()])
      }
    })
    for (let i = 0; getEventListeners(signal, "abort").length > 0 && i < 500; i++)
      await new Promise((resolve) => void setTimeout(resolve, 20))
    assert.equal(getEventListeners(signal, "abort").length, 0)
    await hub.close()
  })
}
