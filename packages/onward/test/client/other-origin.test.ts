import assert from "node:assert/strict"
import { test } from "node:test"
import { stream } from "../../src/client/node.ts"
import { createStage, take } from "./watch.ts"

// as in a page, whose origin is not the server's
Object.assign(globalThis, { location: { origin: "https://page.example", href: "https://page.example/" } })

for (const [server, comment, isQueried] of [
  ["a server of Onward", ": heartbeat 15000\n", true],
  ["another server", ":\n", false],
] as const) {
  test(`from a page of another origin, a reconnect to ${server} resumes by ${isQueried ? "the query" : "the header"}`, async (t) => {
    const { server, clock } = await createStage(t, async (exchange) => {
      await exchange.open()
      if (exchange.index > 1) return exchange.write("id: 9\ndata: last\n\nevent: stream.end\ndata: {}\n\n")
      await exchange.write(`${comment}retry: 0\nid: a b&${exchange.index}\ndata: x\n\n`)
      await exchange.end()
    })
    const events = stream(`${server.url}?topic=a&last_event_id=earliest`, { clock, retry: { base: 0 } })
    const given = take(events)
    await clock.pass(1_000)
    assert.deepEqual(given.data, ["x", "x", "last"])
    const [first, second, third] = server.requests
    assert.match(first?.path ?? "", /\?topic=a&last_event_id=earliest$/)
    assert.equal(first?.headers["last-event-id"], undefined)
    if (isQueried) {
      assert.deepEqual([second?.headers["last-event-id"], third?.headers["last-event-id"]], [undefined, undefined])
      assert.match(second?.path ?? "", /\?topic=a&+last_event_id=a%20b%260$/)
      assert.match(third?.path ?? "", /\?topic=a&+last_event_id=a%20b%261$/)
    } else assert.deepEqual([second?.headers["last-event-id"], third?.headers["last-event-id"]], ["a b&0", "a b&1"])
  })
}

test("from a page of another origin, a first request with an id needs no preflight either", async (t) => {
  const { server, clock } = await createStage(t, async (exchange) => {
    await exchange.open()
    await exchange.write("data: x\n\n")
  })
  const events = stream(server.url, { clock, lastEventId: "7" })
  take(events)
  await clock.pass(1_000)
  events.close()
  assert.match(server.requests[0]?.path ?? "", /\?last_event_id=7$/)
  assert.deepEqual(
    Object.keys(server.requests[0]?.headers ?? {}).filter((name) => /last-event-id|incremental/.test(name)),
    [],
  )
})
