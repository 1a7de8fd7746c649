import assert from "node:assert/strict"
import { test } from "node:test"
import { pollingFetch, stream } from "onward/client"
import { createOrigin } from "./origin.ts"
import { lighttpd } from "./setups/lighttpd.ts"
import { missing, start } from "./start.ts"

test(
  "through lighttpd with its default buffering, polling delivers each event before the next is published",
  { skip: missing(lighttpd) },
  async (t) => {
    const origin = await createOrigin()
    t.after(() => origin.close())
    const proxy = await start(lighttpd, "plain", origin.port)
    t.after(() => proxy.close())
    const hub = origin.hubs.usual
    const events = stream(`${proxy.url}/usual?topic=a`, {
      fetch: pollingFetch({ streamTimeout: 200 }),
      lastEventId: await hub.publish({ topic: "a", data: "before" }),
    })
    t.after(() => events.close())
    for (let i = 0; i < 5; i++) {
      await hub.publish({ topic: "a", data: `number ${i}` })
      assert.equal((await events.next()).value?.data, `number ${i}`)
    }
  },
)
