import assert from "node:assert/strict"
import { test } from "node:test"
import { Audience, type Listener } from "../../src/hub/audience.ts"
import { Delivery } from "../../src/hub/delivery.ts"
import { KeptEntry } from "../../src/hub/kept-entry.ts"
import { formatPosition } from "../../src/log/index.ts"
import { createClock } from "../../src/testing/index.ts"
import { Chance } from "./simulation/chance.ts"

const SEED = Number(process.env["ONWARD_SEED"] ?? 1)

const selection = { topics: [], selectors: [], may: undefined, until: undefined, filter: undefined }

/** A delivery in which each write takes a millisecond, and turns end when the test says so. */
function begin() {
  const clock = createClock()
  const turns: (() => void)[] = []
  const totals = { entries: 0, writes: 0, bytes: 0 }
  const lags: number[] = []
  let time = 0
  const delivery = new Delivery(
    { ...clock, turn: (run) => void turns.push(run), monotonic: () => time, now: () => time },
    (seen) => {
      if (seen.type !== "delivered") return
      totals.entries += seen.entries
      totals.writes += seen.writes
      totals.bytes += seen.bytes
      lags.push(seen.lag)
    },
  )
  const audiences = [
    new Audience("a", { ...selection, format: "plain" }),
    new Audience("ab", { ...selection, format: "plain" }),
    new Audience("ab with topic", { ...selection, format: "topic" }),
  ] as const
  const byTopic = { a: new Set(audiences), b: new Set(audiences.slice(1)) }
  const arrived: { readonly topics: readonly ("a" | "b")[] }[] = []
  const positionOf = (number: number): string => formatPosition("life0000", number)

  /** An entry arrives. Its data begin with its number. */
  function arrive(topics: readonly ("a" | "b")[], chars = 0): void {
    arrived.push({ topics })
    const number = arrived.length
    const data = `${number} ${"x".repeat(chars)}`
    const [topic = "a"] = topics
    const kept = new KeptEntry({ topic, data, position: positionOf(number), time })
    for (const each of topics) delivery.arrive(byTopic[each], kept)
  }

  /** The numbers of what an audience is to receive of the entries after `from`. */
  const wantedBy = (audience: Audience, from: number): number[] =>
    arrived.flatMap(({ topics }, i) =>
      i >= from && topics.some((topic) => byTopic[topic].has(audience)) ? [i + 1] : [],
    )

  const endTurn = (): void => turns.splice(0).forEach((run) => run())
  const finish = (): number => {
    let count = 0
    for (; turns.length > 0; count++) endTurn()
    return count
  }
  return {
    ...{ delivery, audiences, turns, totals, lags, arrived, arrive, wantedBy, endTurn, finish },
    pass: (ms: number) => void (time += ms),
  }
}

type Stage = ReturnType<typeof begin>

/** A live connection that reads by itself when it has fallen behind, and then is live again. */
class Stream implements Listener {
  readonly #on: Stage
  readonly audience: Audience
  readonly from: number
  readonly got: number[] = []
  writes = 0
  /** What it received while live: entries and bytes, as streams count them. */
  live = { entries: 0, bytes: 0 }
  counted = { entries: 0, bytes: 0 }
  room = Infinity
  state: "live" | "behind" | "over" = "live"

  constructor(on: Stage, audience: Audience) {
    this.#on = on
    this.audience = audience
    this.from = on.arrived.length
    this.join()
  }

  join(): void {
    this.state = "live"
    this.#on.delivery.join(this.audience, this)
    this.counted.entries -= this.audience.sentEntries
    this.counted.bytes -= this.audience.sentBytes
  }

  write(frame: { readonly text: string; readonly size: number }): boolean {
    this.#on.pass(1)
    assert.equal(this.state, "live")
    const numbers = numbersIn(frame.text)
    this.got.push(...numbers)
    this.writes++
    this.live.entries += numbers.length
    this.live.bytes += frame.size
    return --this.room > 0
  }

  /** What it counts as sent up to a position. */
  count(received = ""): void {
    this.counted.entries += this.audience.sentEntries
    this.counted.bytes += this.audience.sentBytes
    for (const { count, end, frame } of this.#on.delivery.unwritten(this.audience, this)) {
      if (end <= received) continue
      this.counted.entries -= count
      this.counted.bytes -= frame.size
    }
  }

  fallBehind(position: string): void {
    this.count(position)
    assert.deepEqual(this.counted, this.live)
    this.state = "behind"
    const last = this.got.at(-1)
    assert.equal(position, last === undefined ? undefined : formatPosition("life0000", last))
  }

  /** It has room again, and reads what it missed. */
  drain(): void {
    this.room = Infinity
    const last = this.got.at(-1) ?? this.from
    this.got.push(...this.#on.wantedBy(this.audience, last))
    this.join()
  }

  catchUp(): void {
    assert.fail("nothing is interrupted")
  }

  finish(): void {
    assert.fail("nothing ends by itself")
  }
}

const numbersIn = (text: string): number[] => [...text.matchAll(/^data: (\d+) /gm)].map(([, number]) => Number(number))

test(`a stream receives what arrives while it is live, once and in order, over any number of turns (ONWARD_SEED=${SEED})`, () => {
  const chance = new Chance(SEED)
  for (let round = 0; round < 40; round++) {
    const on = begin()
    const { delivery, audiences, totals } = on
    const streams: Stream[] = []
    const live = (): Stream[] => streams.filter(({ state }) => state === "live")
    for (let step = 0; step < 150; step++) {
      const what = chance.below(100)
      const [stream] = live().length > 0 ? [chance.pick(live())] : []
      if (what < 30) {
        const chars = chance.pick([0, 0, 0, 10, 30_000, 70_000])
        on.arrive(chance.pick([["a"], ["b"], ["a", "b"]] as const), chars)
      } else if (what < 60) on.endTurn()
      else if (what < 78) streams.push(new Stream(on, chance.pick(audiences)))
      else if (what < 82 && stream) stream.room = 1
      else if (what < 86) streams.find(({ state }) => state === "behind")?.drain()
      else if (what < 90 && stream) {
        const missing = on.wantedBy(stream.audience, stream.got.at(-1) ?? stream.from)
        const owed = delivery.owed(stream.audience, stream)
        assert.deepEqual(numbersIn(owed.map(({ frame }) => frame.text).join("")), missing)
        assert.equal(
          owed.reduce((sum, { count }) => sum + count, 0),
          missing.length,
        )
      } else if (what < 93 && stream) {
        stream.room = Infinity
        delivery.settle(stream.audience, stream)
        assert.deepEqual(stream.got, on.wantedBy(stream.audience, stream.from), "it has all that arrived")
        stream.state = "over"
      } else if (what < 95 && stream) {
        delivery.leave(stream.audience, stream)
        stream.state = "over"
        const wanted = on.wantedBy(stream.audience, stream.from)
        assert.deepEqual(stream.got, wanted.slice(0, stream.got.length))
      } else if (what < 96) {
        delivery.flush()
        for (const { got, audience, from } of live()) assert.deepEqual(got, on.wantedBy(audience, from))
      } else if (stream) {
        stream.count()
        assert.deepEqual(stream.counted, stream.live)
        stream.counted = { entries: stream.live.entries, bytes: stream.live.bytes }
        stream.counted.entries -= stream.audience.sentEntries
        stream.counted.bytes -= stream.audience.sentBytes
        for (const { count, frame } of delivery.unwritten(stream.audience, stream)) {
          stream.counted.entries += count
          stream.counted.bytes += frame.size
        }
      }
    }
    on.finish()
    for (const { got, audience, from } of live()) assert.deepEqual(got, on.wantedBy(audience, from))
    assert.ok(audiences.every(({ batch, remaining }) => !batch && !remaining))
    // what is written outside of a turn is reported with the next
    on.arrive(["a", "b"])
    on.finish()
    if (live().length === 0) continue
    const sum = (of: (stream: Stream) => number): number => streams.reduce((all, each) => all + of(each), 0)
    assert.deepEqual(totals, {
      entries: sum(({ live: { entries } }) => entries),
      writes: sum(({ writes }) => writes),
      bytes: sum(({ live: { bytes } }) => bytes),
    })
  }
})

test("a turn writes for about five milliseconds, and later turns continue", () => {
  const on = begin()
  const streams = Array.from({ length: 40 }, () => new Stream(on, on.audiences[0]))
  on.arrive(["a"])
  on.pass(3)
  const written = (): number => streams.filter(({ got }) => got.length > 0).length
  const counts = []
  for (; on.turns.length > 0; counts.push(written())) on.endTurn()
  // the time is looked at after eight writes
  assert.deepEqual(counts.slice(0, 5), [8, 16, 24, 32, 40])
  assert.deepEqual(on.lags[0], 11, "since it was stored")
  assert.equal(on.lags.at(-1), 43)
  // a new turn counts from its own entries
  on.arrive(["a"])
  on.endTurn()
  assert.equal(on.lags.at(-1), 8)
})

test("each part reaches all streams before the next part", () => {
  const on = begin()
  const order: string[] = []
  class Ordered extends Stream {
    override write(frame: { readonly text: string; readonly size: number }): boolean {
      order.push(numbersIn(frame.text).join())
      return super.write(frame)
    }
  }
  for (let i = 0; i < 10; i++) void new Ordered(on, on.audiences[0])
  for (const chars of [70_000, 10, 70_000, 10]) on.arrive(["a"], chars)
  on.finish()
  assert.deepEqual(order, [
    ...Array<string>(10).fill("1"),
    ...Array<string>(10).fill("2,3"),
    ...Array<string>(10).fill("4"),
  ])
})

test("what arrives for a delivery that takes many turns is bounded: beyond a million characters it ends at once", () => {
  const on = begin()
  const streams = Array.from({ length: 100 }, () => new Stream(on, on.audiences[0]))
  on.arrive(["a"])
  on.endTurn()
  on.arrive(["a"], 1_000_000)
  on.endTurn()
  assert.ok(streams.some(({ got }) => got.length === 0))
  on.arrive(["a"], 100_000)
  on.endTurn()
  assert.ok(streams.every(({ got }) => got.length === 3))
})
