import assert from "node:assert/strict"
import { test } from "node:test"
import { EventSource, stream } from "../../src/client/node.ts"
import { TRANSPORTS } from "./transports.ts"
import { createStage, take, watch } from "./watch.ts"

const CHECKPOINT = "event: stream.checkpoint\nid: 7\ndata: {}\n\n"

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  test(`a stream resumes after a checkpoint, and does not deliver it, over ${transport}`, async (t) => {
    const { server, clock } = await createStage(t, async (exchange) => {
      await exchange.open()
      if (exchange.index > 0) return exchange.write("id: 8\ndata: last\n\nevent: stream.end\ndata: {}\n\n")
      await exchange.write(`retry: 0\nid: 6\ndata: first\n\n${CHECKPOINT}`)
      await exchange.end()
    })
    const events = stream(server.url, { clock, fetch, retry: { base: 0 }, until: "{}" })
    const given = take(events)
    await clock.pass(1_000)
    assert.deepEqual([given.data, given.ids, given.ending], [["first", "last"], ["6", "8"], "end"])
    assert.equal(server.requests[1]?.headers["last-event-id"], "7")
  })

  test(`a checkpoint does not end the wait of an eventTimeout, over ${transport}`, async (t) => {
    const { server, clock } = await createStage(t, async (exchange) => {
      await exchange.open()
      while (!exchange.isOver) {
        await exchange.write(CHECKPOINT)
        await exchange.wait(10_000)
      }
    })
    const failures: string[] = []
    const events = stream(server.url, {
      clock,
      fetch,
      eventTimeout: 25_000,
      reconnectingAfter: 0,
      onStatus: (status) => status.state === "reconnecting" && failures.push(status.error.code),
    })
    take(events)
    await clock.pass(26_000)
    assert.equal(events.lastEventId, "7")
    events.close()
    assert.deepEqual(failures, ["event_timeout"])
  })

  test(`an EventSource fires a checkpoint as an event of that name, over ${transport}`, async (t) => {
    const { server, clock } = await createStage(t, async (exchange) => {
      await exchange.open()
      await exchange.write(CHECKPOINT)
    })
    const source = new EventSource(server.url, { clock, fetch })
    t.after(() => source.close())
    const said = watch(source)
    const checkpoints: string[] = []
    source.addEventListener("stream.checkpoint", ({ data, lastEventId }) => checkpoints.push(`${lastEventId} ${data}`))
    await clock.pass(1_000)
    assert.deepEqual([said.opens, said.data, checkpoints, source.lastEventId], [1, [], ["7 {}"], "7"])
  })
}
