import assert from "node:assert/strict"
import type { IncomingMessage, ServerResponse } from "node:http"
import { test } from "node:test"
import { sse } from "../../src/adapters/node.ts"
import { createHub } from "../../src/index.ts"
import { connect, createClock } from "../../src/testing/index.ts"
import { styles } from "./styles.ts"

/** More than a connection holds. */
const LARGE = "x".repeat(150_000)

for (const [name, style] of Object.entries(styles)) {
  /** A hub on a clock of its own, and a client connected to it. */
  async function stage() {
    const clock = createClock()
    const hub = createHub({ clock })
    const reader = await connect(style(() => hub.subscribe({ topics: ["news"] })))
    const publish = (data: unknown): Promise<string> => hub.publish({ topic: "news", data })
    return { clock, hub, reader, publish }
  }

  test(`${name}: events arrive as they were published, without advancing the clock`, async () => {
    const { clock, reader, publish } = await stage()
    const before = clock.now()
    assert.equal(reader.status, 200)
    assert.equal(reader.headers.get("content-type"), "text/event-stream; charset=utf-8")
    const ids = [await publish("one"), await publish({ two: 2 }), await publish("three\nlines\n")]
    const [one, two, three] = await reader.take(3)
    assert.deepEqual(one, { event: "message", data: "one", id: ids[0] })
    assert.deepEqual(two?.json(), { two: 2 })
    assert.deepEqual(three, { event: "message", data: "three\nlines\n", id: ids[2] })
    assert.deepEqual(reader.events, [one, two, three])
    assert.equal(reader.lastEventId, ids[2])
    assert.equal(clock.now(), before)
    await reader.cut()
  })

  test(`${name}: in real time a test needs no clock`, async () => {
    const hub = createHub()
    const reader = await connect(style(() => hub.subscribe({ topics: ["news"] })))
    const next = reader.next()
    await hub.publish({ topic: "news", data: "now" })
    assert.equal((await next).data, "now")
    await reader.cut()
    await hub.close()
  })

  test(`${name}: heartbeats are comments, and checkpoints that change the last event id`, async () => {
    const { clock, hub, reader } = await stage()
    assert.equal(reader.comments.length, 1, "what opens the stream")
    await clock.pass(15_000)
    assert.deepEqual(reader.comments.slice(1), [""])
    const id = await hub.publish({ topic: "other", data: "not for this client" })
    await clock.pass(15_000)
    assert.equal(reader.lastEventId, id)
    assert.deepEqual([reader.events, reader.comments.length], [[], 2])
    await reader.cut()
  })

  test(`${name}: a stalled client fills up, and receives everything when it reads again`, async () => {
    const { clock, hub, reader, publish } = await stage()
    reader.stall()
    for (const data of [LARGE, LARGE, "last"]) {
      await publish(data)
      await clock.settle()
    }
    assert.equal(hub.stats().live, 0, "the server sees that it is full")
    assert.deepEqual(reader.events, [])
    reader.flow()
    const events = await reader.take(3)
    assert.deepEqual(
      events.map(({ data }) => data.length),
      [150_000, 150_000, 4],
    )
    await clock.settle()
    assert.equal(hub.stats().live, 1)
    await reader.cut()
  })

  test(`${name}: a client that stays full is cut by the server after its timeout`, async () => {
    const { clock, reader, publish } = await stage()
    reader.stall()
    for (let i = 0; i < 3; i++) {
      await publish(LARGE)
      await clock.settle()
    }
    await clock.pass(119_000)
    assert.equal(reader.isOpen, true)
    await clock.pass(1_500)
    assert.equal(await reader.closed(), "cut")
    assert.equal(reader.isOpen, false)
    assert.equal(clock.timers, 0)
  })

  test(`${name}: when a cut resolves the server has released the client, and a reconnect resumes after the last event`, async () => {
    const { clock, hub, reader, publish } = await stage()
    await publish("seen")
    await reader.next()
    await reader.cut()
    assert.equal(hub.stats().connections, 0)
    assert.equal(clock.timers, 0)
    assert.equal(await reader.closed(), "cut")
    const ids = [await publish("missed"), await publish("too")]
    const again = await reader.reconnect()
    assert.deepEqual(await again.take(2), [
      { event: "message", data: "missed", id: ids[0] },
      { event: "message", data: "too", id: ids[1] },
    ])
    const thrice = await again.reconnect()
    assert.equal(again.isOpen, false, "a connection still open is cut before")
    assert.equal(hub.stats().connections, 1)
    await clock.settle()
    assert.deepEqual(thrice.events, [], "nothing twice")
    await thrice.cut()
  })

  test(`${name}: when a cut resolves, a custom source has been told and has cleaned up`, async () => {
    const seen: string[] = []
    const handler = style(
      () =>
        async function* ({ lastEventId = "nothing", signal }) {
          seen.push(`asked after ${lastEventId}`)
          try {
            yield { data: "first", id: "Zürich ✓" }
            await new Promise((resolve) => signal.addEventListener("abort", resolve))
          } finally {
            seen.push("cleaned up")
          }
        },
    )
    const reader = await connect(handler)
    await reader.next()
    await reader.cut()
    assert.deepEqual(seen, ["asked after nothing", "cleaned up"])
    const again = await reader.reconnect()
    assert.equal(seen[2], "asked after Zürich ✓")
    await again.cut()
    assert.equal(seen.length, 4)
  })

  test(`${name}: a custom source is not pulled for more than a stalled client has room for`, async () => {
    let asked = 0
    const handler = style(
      () =>
        async function* () {
          for (;;) {
            asked++
            yield LARGE
            // a turn of its own, as whatever comes from elsewhere takes
            await new Promise((resolve) => setImmediate(resolve))
          }
        },
    )
    const clock = createClock()
    const reader = await connect(handler)
    await reader.next()
    reader.stall()
    for (let i = 0; i < 10; i++) await clock.settle()
    const whenFull = asked
    for (let i = 0; i < 10; i++) await clock.settle()
    assert.equal(asked, whenFull)
    reader.flow()
    await reader.take(whenFull)
    assert.ok(asked > whenFull)
    await reader.cut()
  })

  test(`${name}: heartbeats and stall timeouts of a custom source use the clock passed to sse`, async () => {
    const clock = createClock()
    const source = () =>
      async function* () {
        yield LARGE
        yield LARGE
        await new Promise(() => {})
      }
    const handler = style(source, { clock, heartbeat: 60_000, stallTimeout: 300_000 })
    const readers = [await connect(handler), await connect(handler), await connect(handler)]
    const [reader] = readers
    assert.equal(clock.timers, 1, "one timer for all of them")
    await reader?.take(2)
    await clock.pass(60_000)
    assert.equal(reader?.comments.length, 2)
    for (const each of readers) await each.cut()
    assert.equal(clock.timers, 0)

    const stalled = await connect(
      style(
        () =>
          async function* () {
            for (;;) yield LARGE
          },
        { clock, stallTimeout: 300_000 },
      ),
    )
    stalled.stall()
    await clock.pass(298_000)
    assert.equal(stalled.isOpen, true)
    await clock.pass(3_000)
    assert.equal(await stalled.closed(), "cut")
  })

  test(`${name}: a stream that ends says so, and its client gets 204 when it reconnects`, async () => {
    const reader = await connect(
      style(
        () =>
          async function* () {
            yield "only"
          },
      ),
    )
    const [only, end] = await reader.take(2)
    assert.deepEqual([only?.data, end?.event], ["only", "stream.end"])
    assert.equal(await reader.closed(), "ended")
    const again = await reader.reconnect()
    assert.deepEqual([again.status, again.text, again.isOpen], [204, "", false])
  })

  test(`${name}: a drained hub ends its streams, each with a reconnection time`, async () => {
    const { clock, hub, reader } = await stage()
    const drained = hub.drain({ duration: 1_000 })
    await clock.pass(1_000)
    await drained
    assert.equal(await reader.closed(), "ended")
    assert.ok((reader.retry ?? 0) > 0)
    const refused = await reader.reconnect()
    assert.equal(refused.status, 503)
    assert.match(refused.text, /hub is closing/)
  })

  test(`${name}: leaving an \`await using\` block cuts`, async () => {
    const { hub, reader } = await stage()
    await reader[Symbol.asyncDispose]()
    assert.equal(hub.stats().connections, 0)
  })
}

test("a cut is not an error for frameworks, which would print it", async () => {
  const errors: unknown[] = []
  const hub = createHub()
  const reader = await connect((req: IncomingMessage, res: ServerResponse) => {
    for (const each of [req, res, req.socket]) each.on("error", (error) => errors.push(error))
    sse(req, res, hub.subscribe({ topics: ["news"] }))
  })
  await reader.cut()
  // that the client has aborted is all the request says, as over a socket
  assert.deepEqual(errors.map(String), ["Error: aborted"])
})
