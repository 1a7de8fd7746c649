import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub, memoryLog, type Hub } from "../../src/index.ts"
import { sse } from "../../src/adapters/node.ts"
import { Frame } from "../../src/frame.ts"
import { PollSink } from "../../src/server/poll.ts"
import { sse as sseOfWeb } from "../../src/web/index.ts"
import { checkBlocks } from "../check-blocks.ts"
import { connect, createClock, type Handler, type TestClock } from "../../src/testing/index.ts"
import { createSink } from "./recording-sink.ts"

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

/** A poll response whose owner notes how it ends. */
function beginPoll() {
  const clock = createClock()
  const inner = createSink(clock)
  const sink = new PollSink(inner, clock, 10_000)
  const ends: (true | undefined)[] = []
  sink.owner = { onDrain() {}, onClose: (isComplete) => void ends.push(isComplete) }
  return { clock, inner, sink, ends, texts: () => inner.texts.map(([, text]) => text) }
}

test("a poll response ends once, after all writes of a turn, and passes on whether there is room", async () => {
  const { clock, inner, sink, ends, texts } = beginPoll()
  inner.hasRoom = false
  assert.equal(sink.write(new Frame("data: one\n\n")), false)
  inner.hasRoom = true
  assert.equal(sink.writeText("data: two\n\n"), true)
  await clock.settle()
  // the second is what every sink tells when it is closed
  assert.deepEqual([texts(), ends, inner.closes], [["data: one\n\n", "data: two\n\n"], [true, undefined], [[0, false]]])
})

test("a checkpoint ends a poll response only once it has waited", async () => {
  const { clock, inner, sink, texts } = beginPoll()
  const checkpoint = "event: stream.checkpoint\nid: 1\ndata: {}\n\n"
  await clock.pass(4_999)
  sink.writeText(checkpoint)
  await clock.settle()
  assert.equal(inner.closes.length, 0)
  await clock.pass(1)
  sink.writeText(": \n")
  await clock.settle()
  assert.equal(inner.closes.length, 1)
  assert.deepEqual(texts(), [checkpoint, ": \n", "event: stream.checkpoint\ndata: {}\n\n"])
})

test("nothing is written to a poll response after its stream was closed", async () => {
  const { clock, inner, sink, texts } = beginPoll()
  await clock.pass(9_000)
  sink.writeText(": \n")
  sink.close({ abort: true })
  await clock.settle()
  assert.deepEqual([texts(), inner.closes], [[": \n"], [[9_000, true]]])
})

test("other requests are streams, with any query", async () => {
  const { hub } = begin()
  const others = ["/?transport=sse", "/?transport", "/transport=poll", "/", "/?mytransport=poll"].map((path) => ({
    path,
  }))
  for (const options of [...others, { ...POLL, method: "POST" }]) {
    const reader = await connect(HANDLERS["node"]!(hub), options)
    await hub.publish({ topic: "a", data: "x" })
    await reader.next()
    assert.equal(reader.isOpen, true)
    await reader.cut()
  }
  await hub.close()
})
