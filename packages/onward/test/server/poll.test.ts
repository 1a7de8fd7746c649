import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub, memoryLog, type Hub } from "../../src/index.ts"
import { sse } from "../../src/adapters/node.ts"
import { sse as sseOfWeb } from "../../src/web/index.ts"
import { checkBlocks } from "../check-blocks.ts"
import { connect, createClock, type Handler, type TestClock } from "../../src/testing/index.ts"

const HANDLERS: Readonly<Record<string, (hub: Hub) => Handler>> = {
  node: (hub) => (req, res) => sse(req, res, hub.subscribe({ topics: ["a"] })),
  web: (hub) => ({ fetch: (request) => sseOfWeb(request, hub.subscribe({ topics: ["a"] })) }),
}

const POLL = { path: "/events?transport=poll" }

function begin(): { hub: Hub; clock: TestClock } {
  const clock = createClock()
  return { clock, hub: createHub({ clock, log: memoryLog({ clock }) }) }
}

for (const [name, handlerOf] of Object.entries(HANDLERS)) {
  test(`${name}: a poll response ends with the first entries, all of one turn, and the next begins after them`, async () => {
    const { hub } = begin()
    const handler = handlerOf(hub)
    const first = await connect(handler, POLL)
    assert.equal(first.isOpen, true, "where it began is no news")
    assert.equal(first.retry, 1_000, "a native EventSource asks on soon")
    await hub.publishMany([
      { topic: "a", data: "one" },
      { topic: "a", data: "two" },
    ])
    assert.equal(await first.closed(), "ended")
    await hub.publish({ topic: "a", data: "three" })
    const second = await first.reconnect()
    assert.equal(await second.closed(), "ended")
    assert.deepEqual(
      [first, second].map(({ events }) => events.map(({ data }) => data)),
      [["one", "two"], ["three"]],
    )
    assert.equal(hub.stats().connections, 0)
    for (const { text } of [first, second]) {
      checkBlocks(text)
      assert.match(text, /\n\n$/)
    }
    await hub.close()
  })

  test(`${name}: a poll response without content ends with a block that has data`, async () => {
    const { hub, clock } = begin()
    const piece = await connect(handlerOf(hub), POLL)
    const { lastEventId } = piece
    await clock.pass(15_500)
    assert.equal(await piece.closed(), "ended")
    checkBlocks(piece.text)
    assert.match(piece.text, /\n: \nevent: stream\.checkpoint\ndata: \{\}\n\n$/)
    assert.equal(piece.lastEventId, lastEventId)
    await hub.close()
  })

  test(`${name}: a poll response without events ends with a heartbeat, and the position of the log`, async () => {
    const { hub, clock } = begin()
    const piece = await connect(handlerOf(hub), POLL)
    const id = await hub.publish({ topic: "another", data: "not for us" })
    assert.equal(piece.isOpen, true)
    await clock.pass(15_500)
    assert.equal(await piece.closed(), "ended")
    assert.deepEqual([piece.events, piece.lastEventId], [[], id])
    await hub.close()
  })

  test(`${name}: on a busy log, a poll that is behind on quiet topics does not end at once`, async () => {
    const { hub } = begin()
    const place = await hub.publish({ topic: "another", data: "1" })
    await hub.publish({ topic: "another", data: "2" })
    const piece = await connect(handlerOf(hub), { ...POLL, lastEventId: place })
    assert.equal(piece.isOpen, true)
    await hub.publish({ topic: "a", data: "news" })
    assert.equal(await piece.closed(), "ended")
    assert.equal((await piece.next()).data, "news")
    await hub.close()
  })

  test(`${name}: many missed events take several poll responses, each event once`, async () => {
    const { hub } = begin()
    const sent = Array.from({ length: 20 }, (_, i) => `${i} ${"x".repeat(10_000)}`)
    const place = await hub.publish({ topic: "a", data: "before" })
    for (const data of sent) await hub.publish({ topic: "a", data })
    const got: string[] = []
    let piece = await connect(handlerOf(hub), { ...POLL, lastEventId: place })
    while (got.length < sent.length) {
      await piece.closed()
      got.push(...piece.events.map(({ data }) => data))
      piece = await piece.reconnect()
    }
    assert.deepEqual(got, sent)
    await piece.cut()
    await hub.close()
  })
}

test("other requests are streams, with any query", async () => {
  const { hub } = begin()
  for (const options of [{ path: "/?transport=sse" }, { ...POLL, method: "POST" }, { path: "/transport=poll" }]) {
    const reader = await connect(HANDLERS["node"]!(hub), options)
    await hub.publish({ topic: "a", data: "x" })
    await reader.next()
    assert.equal(reader.isOpen, true)
    await reader.cut()
  }
  await hub.close()
})
