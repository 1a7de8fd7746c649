import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub, memoryLog, type Hub } from "onward"
import { eventually } from "./exchange.ts"
import { rigs, withServer, type Running } from "./rigs.ts"

/** A server that streams the topic "a" of a hub. */
async function serving(
  rig: (typeof rigs)[number],
  use: (ask: Running["ask"], hub: Hub) => Promise<void>,
): Promise<void> {
  const hub = createHub({ log: memoryLog({ epoch: "life0000" }) })
  try {
    await withServer(
      rig,
      ({ sse }) => sse(hub.subscribe({ topics: ["a"] }), { retry: 4_321, headers: { "x-mine": "yes" } }),
      (ask) => use(ask, hub),
    )
  } finally {
    await hub.close()
  }
}

for (const rig of rigs) {
  test(`${rig.name}: the head is that of an event stream, and the first bytes arrive at once`, async () => {
    await serving(rig, async (ask) => {
      const exchange = await ask()
      assert.equal(exchange.status, 200)
      assert.equal(exchange.headers["content-type"], "text/event-stream; charset=utf-8")
      assert.equal(exchange.headers["cache-control"], "no-store, no-transform")
      assert.equal(exchange.headers["x-accel-buffering"], "no")
      assert.equal(exchange.headers["x-mine"], "yes")
      assert.equal(exchange.headers["content-length"], undefined)
      assert.equal(exchange.headers["content-encoding"], undefined)
      assert.equal(exchange.headers["access-control-allow-origin"], undefined)
      if (rig.client.isHttp2 || rig.name === "web") {
        for (const name of ["connection", "keep-alive", "transfer-encoding"]) {
          assert.equal(exchange.headers[name], undefined)
        }
      } else assert.equal(exchange.headers["transfer-encoding"], "chunked")
      // a connection ends with its stream, and says so: a kept one would hold up `server.close()`
      if (rig.isNode && !rig.client.isHttp2) assert.equal(exchange.headers.connection, "close")
      await exchange.has("id: life0000~10")
      await exchange.has("data: {}\n\n")
      assert.deepEqual(exchange.blocks, [
        { comment: "heartbeat 15000" },
        { retry: "4321", event: "stream.checkpoint", id: "life0000~10", data: "{}" },
      ])
    })
  })

  test(`${rig.name}: published messages reach every client, in order`, async () => {
    await serving(rig, async (ask, hub) => {
      const exchanges = [await ask(), await ask(), await ask()]
      for (const exchange of exchanges) await exchange.has("id: life0000~10")
      await hub.publish({ topic: "a", event: "tick", data: { price: 12.5 } })
      await hub.publish({ topic: "b", data: "not for them" })
      await hub.publish({ topic: "a", data: "größe\n東京 🦊" })
      for (const exchange of exchanges) {
        await exchange.has("🦊\n\n")
        assert.deepEqual(exchange.blocks.slice(2), [
          { event: "tick", id: "life0000~11", data: '{"price":12.5}' },
          { id: "life0000~13", data: "größe\n東京 🦊" },
        ])
      }
    })
  })

  test(`${rig.name}: a client resumes after its last event id, given by header or by query`, async () => {
    await serving(rig, async (ask, hub) => {
      const ids = []
      for (const [i, id] of [undefined, "größe 🦊", undefined].entries()) {
        ids.push(await hub.publish({ topic: "a", data: `event ${i}`, ...(id && { id }) }))
      }
      const [first = "", second = ""] = ids
      // an EventSource sends the UTF-8 bytes of the id, which header APIs take one by one
      const bytes = Buffer.from(second).toString("latin1")
      const resumes = [
        [{ headers: { "last-event-id": first } }, 1],
        [{ headers: { "last-event-id": bytes } }, 2],
        [{ path: `/?last_event_id=${encodeURIComponent(first)}` }, 1],
        [{ path: `/?x=1&lastEventId=${encodeURIComponent(second)}` }, 2],
        [{ path: `/?last_event_id=${encodeURIComponent(first)}`, headers: { "last-event-id": bytes } }, 2],
        [{ path: "/?last_event_id=earliest" }, 0],
        [{ headers: { "last-event-id": "earliest" } }, 0],
        [{ path: "/?last=2" }, 1],
        [{ path: "/?since=10m" }, 0],
        [{ path: "/?since=0" }, 0],
        [{ path: "/?since=2020-01-01T00:00:00Z" }, 0],
        [{ path: "/?last_event_id=&last=1" }, 2],
      ] as const
      for (const [asked, from] of resumes) {
        const exchange = await ask(asked)
        await exchange.has("data: event 2")
        const expected = ["event 0", "event 1", "event 2"].slice(from)
        assert.deepEqual(exchange.data, expected, JSON.stringify(asked))
        assert.ok(!exchange.text.includes("stream.gap"), JSON.stringify(asked))
      }
      const lost = await ask({ headers: { "last-event-id": "who knows" } })
      await lost.has("data: event 2")
      assert.match(lost.text, /event: stream\.gap\ndata: \{"reason":"unknown","from":"who knows"/)
    })
  })

  test(`${rig.name}: a stream with an end says so, and closes`, async (t) => {
    const hub = createHub()
    t.after(() => hub.close())
    await withServer(
      rig,
      ({ sse }) => sse(hub.subscribe({ topics: ["a"], until: ({ data }) => data === "done" })),
      async (ask) => {
        const exchange = await ask({ method: "POST", body: "{}" })
        await exchange.has("id:")
        await hub.publishMany([
          { topic: "a", data: "1" },
          { topic: "a", data: "done" },
        ])
        assert.equal(await exchange.over(), "ended")
        assert.deepEqual(exchange.data, ["1", "done"])
        assert.deepEqual(exchange.blocks.at(-1), {
          event: "stream.end",
          retry: "86400000 ms",
          id: "stream.end",
          data: "{}",
        })
      },
    )
  })

  test(`${rig.name}: a hub removes a subscription in each way a client can disconnect`, async () => {
    await serving(rig, async (ask, hub) => {
      for (const way of rig.client.ways) {
        const exchange = await ask()
        await exchange.has("id:")
        assert.equal(hub.stats().connections, 1)
        exchange.leaveBy[way]?.()
        await eventually(`nobody is connected after ${way}`, () => hub.stats().connections === 0)
      }
      assert.equal(hub.stats().topics, 0)
      await hub.publish({ topic: "a", data: "nobody" })
    })
  })
}
