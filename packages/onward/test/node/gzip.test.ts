import assert from "node:assert/strict"
import { test } from "node:test"
import type { StartPoint, SubscribeOptions } from "../../src/hub/index.ts"
import { stage, type Stage } from "../hub/stage.ts"
import { Chance } from "../hub/simulation/chance.ts"
import { Gzipped } from "./gzipped.ts"

async function connect({ hub, clock }: Stage, options: SubscribeOptions, start?: StartPoint): Promise<Gzipped> {
  const stream = new Gzipped()
  hub.subscribe(options).open(start).start(stream)
  await clock.settle()
  return stream
}

const event = (n: number): string =>
  JSON.stringify({ id: n, type: "update", user: `u_${(n * 7919) % 100_003}`, symbol: ["ACME", "INIT"][n % 2], n })

const news = { topics: ["news"] }

test("earlier events make later ones smaller", async () => {
  const on = await stage()
  const stream = await connect(on, news)
  for (let n = 0; n < 50; n++) await on.publish("news", event(n))
  assert.equal(stream.decoded, stream.text)
  assert.ok(stream.bytes.length < stream.text.length / 2, `${stream.bytes.length} of ${stream.text.length} bytes`)
})

test("clients with the same history receive the same bytes, compressed once", async () => {
  const on = await stage()
  const streams = [await connect(on, news), await connect(on, news), await connect(on, news)]
  for (let n = 0; n < 20; n++) await on.publish("news", event(n))
  const [first, ...others] = streams.map(({ out }) => out.parts.slice(-20))
  for (const parts of others) for (const [i, part] of parts.entries()) assert.equal(part, first?.[i])
})

test("a client that joins later receives shared bytes after a limited number of events", async () => {
  const on = await stage()
  const early = await Promise.all(Array.from({ length: 500 }, () => connect(on, news)))
  await on.publish("news", event(0), event(1))
  const late = await connect(on, news)
  for (let n = 2; n < 80; n++) await on.publish("news", event(n))
  assert.equal(late.decoded, late.text)
  assert.notEqual(late.out.parts[1], early[0]?.out.parts[3], "at first it gets events that stand alone")
  assert.equal(late.out.parts.at(-1), early[0]?.out.parts.at(-1))
})

test("streams for different topics share no history, and private events stay in their stream's history", async () => {
  const on = await stage()
  const both = await connect(on, { topics: ["news", "private"] })
  const one = await connect(on, news)
  for (let n = 0; n < 20; n++) {
    await on.publish("private", event(n))
    await on.publish("news", event(n))
  }
  assert.equal(both.decoded, both.text)
  assert.equal(one.decoded, one.text)
  // what is in `private` would make the same text in `news` nearly free
  assert.notEqual(both.out.parts.at(-1), one.out.parts.at(-1))
})

test("a stream that ends is complete: its checksum and length are right, for any content", async () => {
  const on = await stage()
  const early = await connect(on, { ...news, until: ({ data }) => data === "last" })
  const others = [await connect(on, news), await connect(on, news)]
  for (let n = 0; n < 10; n++) await on.publish("news", event(n))
  const late = await connect(on, news, "earliest")
  await on.clock.pass(40_000)
  await on.publish("news", "é – 🦉", "x".repeat(200_000), "last")
  await on.hub.close()
  for (const stream of [early, late, ...others]) {
    assert.equal(stream.out.ending, "ended")
    assert.equal(stream.decoded, stream.text)
  }
})

test("over random operations, every stream decodes to its uncompressed content", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Chance(seed)
    const on = await stage({ retention: { count: 40 }, window: { maxEntries: 20 } })
    const topics = ["a", "b", "c"]
    const streams: Gzipped[] = []
    const open = new Set<Gzipped>()
    const actions: [weight: number, act: () => Promise<unknown>][] = [
      [
        10,
        async () => {
          const topic = random.pick(topics)
          const count = 1 + random.below(4)
          const size = random.below(20) === 0 ? 70_000 : random.below(3) * 150
          for (let i = 0; i < count; i++) {
            void on.hub.publish({ topic, data: event(random.below(1e6)) + "y".repeat(random.below(size + 1)) })
          }
        },
      ],
      [
        3,
        async () => {
          const wish = random.pick([{ topics: ["a"] }, { topics: ["a", "b"] }, { patterns: ["*"] }])
          const start = random.pick<StartPoint | undefined>([undefined, undefined, "earliest", { last: 5 }])
          const stream = await connect(on, wish, start)
          streams.push(stream)
          open.add(stream)
        },
      ],
      [1, async () => leave([...open][random.below(open.size)])],
      [2, async () => stall([...open][random.below(open.size)], random.below(2_000))],
      [3, async () => drain([...open][random.below(open.size)])],
      [1, async () => on.clock.pass(random.below(30_000))],
      [8, async () => on.clock.settle()],
    ]
    const leave = (stream: Gzipped | undefined) => {
      if (!stream) return
      open.delete(stream)
      stream.owner?.onClose()
    }
    const stall = (stream: Gzipped | undefined, room: number) => {
      if (stream) stream.out.room = room
    }
    const drain = (stream: Gzipped | undefined) => {
      if (!stream || stream.out.room > 0) return
      stream.out.room = Infinity
      stream.owner?.onDrain()
    }
    const weighted = actions.flatMap(([weight, act]) => Array.from({ length: weight }, () => act))
    for (let step = 0; step < 150; step++) await random.pick(weighted)()
    await on.clock.settle()
    await on.hub.close()
    for (const [i, stream] of streams.entries()) {
      assert.equal(stream.decoded, stream.text, `seed ${seed}, stream ${i} of ${streams.length}`)
    }
  }
})
