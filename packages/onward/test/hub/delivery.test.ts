import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { systemClock } from "../../src/clock.ts"
import type { Frame } from "../../src/frame.ts"
import { createHub, type Hub, type SubscribeOptions } from "../../src/hub/index.ts"
import { seededRandom } from "../../src/seeded-random.ts"
import type { Sink, SinkOwner } from "../../src/sink.ts"
import { CODINGS, Compressed } from "../node/compressed.ts"
import { Recorder, blocksOf } from "./recorder.ts"

const SEED = Number(process.env["ONWARD_SEED"] ?? 1)

/** Writes between two turns of the event loop that are allowed: a look at the clock every eight, and five looks to a turn. */
const MOST_WRITES = 48

/** A machine on which each look at the clock takes a millisecond, so that every delivery runs out of its time, however fast the test's is. */
function slowHub(t: TestContext): Hub {
  let now = 0
  const hub = createHub({ clock: { ...systemClock, monotonic: () => now++ }, heartbeat: 3_600_000 })
  t.after(() => hub.close())
  return hub
}

function open<S extends Sink>(hub: Hub, sink: S, options: SubscribeOptions = { topics: ["a"] }): S {
  hub.subscribe(options).open().start(sink)
  return sink
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

async function live(hub: Hub, count: number): Promise<void> {
  while (hub.stats().live < count) await turn()
}

const dataOf = (text: string): string[] =>
  blocksOf(text).flatMap(({ data, event }) => (data !== undefined && !event?.startsWith("stream.") ? [data] : []))

const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => String(from + i))

/** Counts the writes of all its sinks, and the most of them between two turns of the event loop. */
class Counter {
  total = 0
  most = 0
  #inTurn = 0

  sink(): Recorder {
    return Object.assign(new Recorder(), { write: (frame: Frame) => this.#count(frame) })
  }

  #count(_: Frame): boolean {
    this.total++
    if (this.#inTurn++ === 0) {
      setImmediate(() => {
        this.most = Math.max(this.most, this.#inTurn)
        this.#inTurn = 0
      })
    }
    return true
  }
}

for (const [name, topicsOf] of Object.entries<(i: number) => string[]>({
  "with the same topics": () => ["a"],
  "each with a topic of its own": (i) => ["a", `own/${i}`],
})) {
  test(`an event for a thousand streams ${name} gives the event loop back`, async (t) => {
    const hub = slowHub(t)
    const counter = new Counter()
    for (let i = 0; i < 1_000; i++) open(hub, counter.sink(), { topics: topicsOf(i) })
    await live(hub, 1_000)
    await turn()
    counter.total = counter.most = 0
    await hub.publish({ topic: "a", data: "1" })
    while (counter.total < 1_000) await turn()
    await turn()
    assert.equal(counter.total, 1_000)
    assert.ok(counter.most <= MOST_WRITES, `${counter.most} writes in one turn`)
  })
}

test("streams that begin, end and fall behind while an event is being delivered miss nothing and receive nothing twice", async (t) => {
  const hub = slowHub(t)
  const streams = Array.from({ length: 300 }, () => open(hub, new Recorder()))
  await live(hub, 300)
  const slow = streams[150] as Recorder
  slow.room = 1
  await hub.publish({ topic: "a", data: "0" })
  await turn()
  assert.ok(streams[0]?.data.length === 1 && streams.at(-1)?.data.length === 0, "under way")
  const late = open(hub, new Recorder())
  await live(hub, 301)
  assert.deepEqual(streams.at(-1)?.data, [], "still under way")
  await hub.publish({ topic: "a", data: "1" })
  const later = open(hub, new Recorder())
  streams.at(-2)?.leave()
  await hub.publish({ topic: "a", data: "2" })
  const received = (stream: Recorder): number => stream.data.length
  while (streams.some((each, i) => i !== 150 && i !== 298 && received(each) < 3)) await turn()
  slow.drain()
  while ([slow, late].some((each) => received(each) < 3 - (each === late ? 1 : 0)) || received(later) < 1) await turn()
  for (const [i, { data }] of streams.entries()) {
    assert.deepEqual(data, i === 298 ? [] : ["0", "1", "2"], `stream ${i}`)
  }
  assert.deepEqual(late.data, ["1", "2"])
  assert.deepEqual(later.data, ["2"])
})

test("a stream that the hub ends while an event is being delivered has received it, and resumes after it", async (t) => {
  const hub = slowHub(t)
  const leaving = new AbortController()
  const streams = Array.from({ length: 300 }, (_, i) =>
    open(hub, new Recorder(), { topics: ["a"], ...(i % 2 > 0 && { signal: leaving.signal }) }),
  )
  await live(hub, 300)
  await hub.publish({ topic: "a", data: "0" })
  await turn()
  assert.deepEqual(streams.at(-1)?.data, [], "under way")
  const id = await hub.publish({ topic: "a", data: "1" })
  leaving.abort()
  await hub.drain({ duration: 0 })
  for (const { data, closed } of streams) {
    assert.deepEqual(data, ["0", "1"])
    assert.equal(closed, "ended")
  }
  assert.equal(streams[0]?.lastEventId, id)
})

/** A connection that keeps the frames it was sent. */
class Frames implements Sink {
  owner: SinkOwner | undefined
  readonly frames: Frame[] = []

  write(frame: Frame): boolean {
    this.frames.push(frame)
    return true
  }

  writeText(): boolean {
    return true
  }

  close(): void {}

  get large(): readonly string[] {
    return this.frames.map(({ text }) => text).filter(({ length }) => length > 1_000)
  }
}

test("what arrives for an audience faster than it can be delivered is bounded, and arrives whole", async (t) => {
  const hub = slowHub(t)
  const streams = Array.from({ length: 100 }, () => open(hub, new Frames()))
  const last = streams.at(-1) as Frames
  await live(hub, 100)
  const padding = " ".repeat(100_000)
  for (let i = 0; i < 80; i++) {
    await hub.publish({ topic: "a", data: i + padding })
    await turn()
    // each is a frame of its own
    const behind = i + 1 - last.large.length
    assert.ok(behind <= 24, `${behind} events are waiting`)
  }
  while (streams.some((each) => each.large.length < 80)) await turn()
  for (const each of streams) assert.deepEqual(each.large, last.large)
  for (const each of streams) assert.deepEqual(each.large, last.large)
  assert.deepEqual(dataOf(last.large.join("")).map(Number), numbers(80).map(Number))
})

for (const coding of CODINGS) {
  test(`shared ${coding} is decoded by every client when streams begin, end and fall behind during a delivery (seed ${SEED})`, async (t) => {
    const random = seededRandom(SEED)
    const below = (count: number): number => Math.floor(random() * count)
    const hub = slowHub(t)
    const leaving = new AbortController()
    const clients: { readonly stream: Compressed; readonly from: number }[] = []
    let published = 0
    const connect = (): void => {
      const stream = new Compressed(coding)
      clients.push({ stream, from: published })
      open(hub, stream, { topics: ["a"], ...(clients.length % 3 > 0 && { signal: leaving.signal }) })
    }
    for (let i = 0; i < 100; i++) connect()
    await live(hub, 100)
    for (let round = 0; round < 150; round++) {
      for (let i = below(3); i > 0; i--) {
        await hub.publish({ topic: "a", data: `${published++} ${"some text ".repeat(below(40))}` })
      }
      if (below(4) === 0) connect()
      if (below(3) > 0) await turn()
    }
    leaving.abort()
    await hub.drain({ duration: 0 })
    for (const { stream, from } of clients) {
      const data = dataOf(stream.decoded).map((text) => text.split(" ")[0])
      assert.deepEqual(data, numbers(published - from, from))
    }
  })
}
