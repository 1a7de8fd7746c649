import assert from "node:assert/strict"
import { once } from "node:events"
import http from "node:http"
import { connect as connectSocket, createServer, type AddressInfo, type Server } from "node:net"
import { test, type TestContext } from "node:test"
import { stream } from "onward/client"
import { sse } from "../../src/adapters/node.ts"
import { Frame } from "../../src/frame.ts"
import { createHub, memoryLog, type Hub } from "../../src/index.ts"
import { FlushSink } from "../../src/server/flush-sink.ts"
import { connect, createClock, type Handler, type TestClock } from "../../src/testing/index.ts"
import { sse as sseOfWeb } from "../../src/web/index.ts"
import { createSink } from "./recording-sink.ts"

const OPTIONS = { flushAfter: 75 }
const subscription = (hub: Hub) => hub.subscribe({ topics: ["a"] })

const HANDLERS: Readonly<Record<string, (hub: Hub) => Handler>> = {
  node: (hub) => (req, res) => sse(req, res, subscription(hub), OPTIONS),
  web: (hub) => ({ fetch: (request) => sseOfWeb(request, subscription(hub), OPTIONS) }),
}

function begin(): { hub: Hub; clock: TestClock } {
  const clock = createClock()
  return { clock, hub: createHub({ clock, log: memoryLog({ clock }) }) }
}

for (const [name, handlerOf] of Object.entries(HANDLERS)) {
  test(`${name}: a comment follows the last event of a burst, one for all of it, and none while there are no events`, async () => {
    const { hub, clock } = begin()
    const reader = await connect(handlerOf(hub))
    const comments = (): number => reader.comments.length - 1
    for (let i = 0; i < 10; i++) {
      await hub.publish({ topic: "a", data: String(i) })
      await clock.pass(50)
      assert.equal(comments(), 0, "while more comes")
    }
    await clock.pass(25)
    assert.equal(comments(), 1)
    await clock.pass(10_000)
    assert.equal(comments(), 1)
    await hub.publish({ topic: "a", data: "more" })
    await clock.pass(75)
    assert.equal(comments(), 2)
    await reader.cut()
    await hub.close()
  })

  test(`${name}: a full client gets no comment between missed events, and one after them`, async () => {
    const { hub, clock } = begin()
    const reader = await connect(handlerOf(hub))
    reader.stall()
    const sent = Array.from({ length: 40 }, (_, i) => `${i} ${"x".repeat(10_000)}`)
    for (const data of sent) await hub.publish({ topic: "a", data })
    await clock.pass(500)
    reader.flow()
    assert.deepEqual(
      (await reader.take(sent.length)).map(({ data }) => data),
      sent,
    )
    await clock.pass(75)
    assert.deepEqual([reader.text.slice(-6), reader.comments.length], ["x\n\n: \n", 2])
    await reader.cut()
    await hub.close()
  })
}

test("no comment is written for a client that disconnected between an event and its comment", async () => {
  const { hub, clock } = begin()
  const reader = await connect(HANDLERS["node"]!(hub))
  await hub.publish({ topic: "a", data: "x" })
  await reader.cut()
  await clock.pass(100)
  assert.equal(hub.stats().connections, 0)
  await hub.close()
})

const EVENT = "data: x\n\n"

/** A stream with comments after 100 ms, whose owner notes what it is told. */
function beginFlushing() {
  const clock = createClock()
  const inner = createSink(clock)
  const sink = new FlushSink(inner, clock, 100)
  const told: string[] = []
  sink.owner = { onDrain: () => void told.push("drain"), onClose: () => void told.push("close") }
  return { clock, inner, sink, told }
}

test("a comment is written 100 ms after the last event, with one timer, and none after what is no event", async () => {
  const { clock, inner, sink } = beginFlushing()
  sink.writeText(": \n")
  assert.equal(clock.timers, 0)
  for (let i = 0; i < 3; i++) {
    assert.equal(sink.write(new Frame(EVENT)), true)
    assert.equal(clock.timers, 1)
    await clock.pass(60)
  }
  await clock.pass(1_000)
  assert.deepEqual(inner.texts.at(-1), [220, ": \n"])
  assert.equal(inner.texts.length, 5)
  // something else followed in time
  sink.writeText(EVENT)
  sink.writeText("event: stream.checkpoint\ndata: {}\n\n")
  await clock.pass(1_000)
  assert.deepEqual([inner.texts.length, clock.timers], [7, 0])
})

test("a full stream gets no comment, and its owner learns of room and of the end", async () => {
  const { clock, inner, sink, told } = beginFlushing()
  inner.hasRoom = false
  assert.equal(sink.writeText(EVENT), false)
  assert.equal(sink.write(new Frame(EVENT)), false)
  await clock.pass(1_000)
  assert.equal(inner.texts.length, 2)
  inner.owner?.onDrain()
  assert.deepEqual(told, ["drain"])
})

test("no timer is left when a stream is closed by either side", async () => {
  for (const close of ["client", "server"]) {
    const { clock, inner, sink, told } = beginFlushing()
    sink.writeText(EVENT)
    if (close === "client") inner.owner?.onClose()
    else sink.close({ abort: true })
    assert.deepEqual([clock.timers, told, inner.closes], [0, ["close"], close === "client" ? [] : [[0, true]]])
  }
})

test("padding is sent first, as a comment", async () => {
  const { hub } = begin()
  const reader = await connect((req, res) => sse(req, res, subscription(hub), { padding: 2_048 }))
  assert.equal(reader.comments[1]?.length, 2_048)
  for (const padding of [-1, 0.5, Number.NaN, 65_537])
    await assert.rejects(
      connect((req, res) => sse(req, res, subscription(hub), { padding })),
      TypeError,
    )
  await reader.cut()
  await hub.close()
})

const portOf = (server: http.Server | Server): number => (server.address() as AddressInfo).port

/** A path that hands on what came last only when more comes, as some virus scanners and Safari before version 27 do. */
async function holdingBack(t: TestContext, to: number): Promise<string> {
  const server = createServer((client) => {
    const origin = connectSocket(to, "127.0.0.1")
    let held: string | Buffer | undefined
    client.pipe(origin)
    origin.on("data", (chunk) => {
      if (held) client.write(held)
      held = chunk
    })
    for (const [socket, other] of [[client, origin] as const, [origin, client] as const]) {
      socket.on("error", () => {})
      socket.on("close", () => other.destroy())
    }
    t.after(() => client.destroy())
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => server.close())
  return `http://127.0.0.1:${portOf(server)}`
}

for (const source of ["a hub", "a source of one's own"]) {
  test(`behind a scanner that delays the last chunk, the events of ${source} arrive before the next is produced`, async (t) => {
    const hub = createHub()
    const taken: (() => void)[] = []
    async function* own(): AsyncGenerator<string> {
      for (let i = 0; ; i++) {
        yield `number ${i}`
        await new Promise<void>((resolve) => taken.push(resolve))
      }
    }
    const server = http.createServer((req, res) =>
      sse(req, res, source === "a hub" ? subscription(hub) : own(), { flushAfter: 20 }),
    )
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    t.after(async () => {
      await hub.close()
      server.close()
      server.closeAllConnections()
    })
    const lastEventId = await hub.publish({ topic: "a", data: "before" })
    const events = stream(await holdingBack(t, portOf(server)), source === "a hub" ? { lastEventId } : {})
    t.after(() => events.close())
    for (let i = 0; i < 4; i++) {
      if (source === "a hub") await hub.publish({ topic: "a", data: `number ${i}` })
      assert.equal((await events.next()).value?.data, `number ${i}`)
      taken.shift()?.()
    }
  })
}
