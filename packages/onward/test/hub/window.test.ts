import assert from "node:assert/strict"
import { test } from "node:test"
import { KeptEntry, sizeOf } from "../../src/hub/kept-entry.ts"
import { Window, type Reader } from "../../src/hub/window.ts"
import { formatPosition, type Entry, type Position } from "../../src/log/index.ts"
import { compilePattern } from "../../src/topic.ts"
import { assertGivesBack } from "../garbage.ts"
import { Chance } from "./simulation/chance.ts"

const SEED = Number(process.env["ONWARD_SEED"] ?? 1)
/** One topic that is on every other entry, so that its index is cut; some that come and go; one that never comes. */
const TOPICS = ["busy", "busy", "busy", "news/x", "news/y", "a", "b", "rare", "never"]

/** A window as plainly as it can be written: every question goes through all entries. */
class NaiveWindow {
  start: Position
  /** Forgotten ones included, without topic. */
  entries: Entry[] = []
  forgotten: { readonly topic: string; readonly position: Position }[] = []
  readonly #most: { readonly maxEntries: number; readonly maxChars: number }

  constructor(most: { readonly maxEntries: number; readonly maxChars: number }, position: Position) {
    this.#most = most
    this.start = position
  }

  get end(): Position {
    return this.entries.at(-1)?.position ?? this.start
  }

  get chars(): number {
    return this.entries.reduce((sum, { data, also = [] }) => {
      return also.reduce((chars, topic) => chars + topic.length + 64, sum + data.length)
    }, 0)
  }

  push(entry: Entry): void {
    this.entries.push(entry)
    while (this.entries.length > this.#most.maxEntries || this.chars > this.#most.maxChars) {
      this.start = (this.entries.shift() as Entry).position
    }
  }

  reset(position: Position): void {
    this.entries = []
    this.forgotten = []
    this.start = position
  }

  forget(topics: readonly string[] | undefined, upTo: Position): void {
    if (upTo.slice(0, 8) !== this.end.slice(0, 8)) return
    if (!topics) {
      while ((this.entries[0]?.position ?? "~") <= upTo) this.start = (this.entries.shift() as Entry).position
      return
    }
    this.entries = this.entries.map((entry) => {
      const { topic, also, position, time } = entry
      if (also || position > upTo || !topics.includes(topic)) return entry
      this.forgotten.push({ topic, position })
      return { position, time, topic: "", data: "" }
    })
  }

  get kept(): Entry[] {
    return this.entries.filter(({ topic }) => topic !== "")
  }

  read(after: Position, wants: (entry: Entry) => boolean, maxChars: number): { entries: Entry[]; next: Position } {
    const entries: Entry[] = []
    let chars = 0
    for (const entry of this.kept) {
      if (entry.position <= after || !wants(entry)) continue
      entries.push(entry)
      chars += sizeOf(entry)
      if (chars >= maxChars) return { entries, next: entry.position }
    }
    return { entries, next: this.end }
  }

  beforeLast(count: number, wants: (entry: Entry) => boolean): Position | undefined {
    const found = this.kept.filter(wants).at(-count)
    return found && this.before(found)
  }

  before(entry: Entry): Position {
    return this.entries[this.entries.indexOf(entry) - 1]?.position ?? this.start
  }
}

const readerOf = (topics: readonly string[], hasPatterns: boolean, wants: (entry: Entry) => boolean): Reader => ({
  ...{ topics, hasPatterns, wants },
  logTopics: () => topics,
  concerns: () => true,
})

const everything = readerOf([], true, () => true)

const shapes = [
  { maxEntries: 0, maxChars: 1_000, pushes: 50 },
  { maxEntries: 1, maxChars: 1_000, pushes: 3_000 },
  { maxEntries: 7, maxChars: 25, pushes: 4_000 },
  { maxEntries: 300, maxChars: Infinity, pushes: 5_000 },
  { maxEntries: 1_000, maxChars: 1_300, pushes: 5_000 },
  { maxEntries: 2_000, maxChars: Infinity, pushes: 7_000 },
]

for (const [i, { pushes, ...most }] of shapes.entries()) {
  const seed = SEED + i
  const title = `after ${pushes} entries a window of ${most.maxEntries} answers as a list would (ONWARD_SEED=${seed - i})`
  test(title, () => {
    const chance = new Chance(seed)
    let epoch = "life0000"
    let sequence = 0
    const positions = [formatPosition(epoch, 0)]
    const window = new Window(most, positions[0] as Position)
    const naive = new NaiveWindow(most, positions[0] as Position)

    function check(): void {
      const { start, end, size, chars } = window
      assert.deepEqual(
        { start, end, size, chars },
        { start: naive.start, end: naive.end, size: naive.entries.length, chars: naive.chars },
      )
      // near its start, where what was cut shows, and anywhere
      const back = naive.entries.length + 3
      const after = positions.at(-1 - chance.below(back)) ?? formatPosition(epoch, 0)
      const isCovered = after >= naive.start && after <= naive.end && after.startsWith(epoch)
      assert.equal(window.covers(after), isCovered, `covers ${after}`)
      const topics = [...new Set([chance.pick(TOPICS), ...TOPICS.filter(() => chance.percent(25))])]
      const pattern = chance.percent(30) ? compilePattern(chance.pick(["*", "news/*", "news/:x", "none*"])) : undefined
      const isMeant = (topic: string): boolean => (pattern ?? ((name: string) => topics.includes(name)))(topic)
      const isPermitted = chance.percent(50)
      const wants = (entry: Entry): boolean =>
        [entry.topic, ...(entry.also ?? [])].some(isMeant) && (isPermitted || !entry.private)
      const reader = readerOf(topics, pattern !== undefined, wants)
      const maxChars = chance.pick([0, 1, 64, 70, 700, Infinity])
      for (const from of isCovered ? [after, naive.start] : [naive.start]) {
        const { entries, next } = window.read(from, reader, maxChars)
        const found = { entries: entries.map(({ entry }) => entry), next }
        assert.deepEqual(found, naive.read(from, wants, maxChars), `after ${from}`)
        assert.ok(window.textChars <= most.maxChars, "the texts have the limit of the entries")
        if (chance.percent(50)) continue
        for (const kept of entries) assert.equal(kept.text, new KeptEntry(kept.entry).text)
      }
      const concerned = { ...reader, concerns: isMeant }
      const misses = naive.forgotten.some(({ topic, position }) => position > after && isMeant(topic))
      if (isCovered) assert.equal(window.hasForgotten(after, concerned), misses, `forgotten after ${after}`)
      const there = naive.kept.find(({ position }) => position === after)
      assert.equal(window.at(after)?.entry, there, `at ${after}`)
      const count = 1 + chance.below(chance.pick([3, back]))
      if (pattern) return
      const [topic = ""] = topics
      const own = naive.kept.filter((entry) => [entry.topic, ...(entry.also ?? [])].includes(topic) && wants(entry))
      assert.equal(window.newest(topic, reader), own.at(-1)?.position, `newest of ${topic}`)
      assert.equal(window.beforeLast(count, reader), naive.beforeLast(count, wants), `last ${count} of ${topics}`)
    }

    for (let pushed = 0; pushed < pushes; pushed++) {
      sequence++
      const position = formatPosition(epoch, sequence)
      const data = "x".repeat(chance.below(6))
      // topics pause for long, so that they leave the window whole, and come again
      const topic = chance.pick(TOPICS.slice(0, pushed % 1_000 < 700 ? 8 : 5))
      const also = chance.percent(10) ? [...new Set(TOPICS)].filter((each) => each !== topic && chance.percent(30)) : []
      const entry: Entry = {
        ...{ topic, data, position, time: pushed },
        ...(also.length > 0 && { also }),
        ...(chance.percent(20) && { private: true as const }),
      }
      for (const each of [window, naive]) each.push(entry)
      positions.push(position)
      if (chance.percent(most.maxEntries > 100 ? 4 : 20)) check()
      if (chance.percent(0.3)) {
        const upTo = positions.at(-1 - chance.below(naive.entries.length + 3)) as Position
        const topics = chance.percent(80) ? TOPICS.filter(() => chance.percent(30)) : undefined
        for (const each of [window, naive]) each.forget(topics, upTo)
        check()
      }
      if (!chance.percent(0.02)) continue
      // a later epoch can sort before an earlier one
      if (chance.percent(50)) epoch = `${chance.pick(["a", "l", "z"])}ife${String(pushed).padStart(4, "0")}`
      sequence += 5
      positions.push(formatPosition(epoch, sequence))
      for (const each of [window, naive]) each.reset(formatPosition(epoch, sequence))
      check()
    }
    const newest = [...window.newestFirst()]
    assert.deepEqual(
      newest,
      naive.kept.toReversed().map((entry) => ({ entry, before: naive.before(entry) })),
    )
    for (const { text } of window.read(window.start, everything, Infinity).entries) assert.ok(text)
    const kept = naive.kept.reduce((sum, entry) => sum + new KeptEntry(entry).text.length, 0)
    assert.equal(window.textChars, kept, "each text that is kept is counted once")
    window.reset(formatPosition(epoch, sequence + 1))
    assert.equal(window.textChars, 0)
  })
}

test("a walk from the newest entry ends where entries were dropped meanwhile, and when the window was reset", () => {
  const window = new Window({ maxEntries: 10, maxChars: 1_000 }, formatPosition("life0000", 0))
  const push = (sequence: number): void => {
    window.push({ topic: "a", data: "", position: formatPosition("life0000", sequence), time: 0 })
  }
  for (let sequence = 1; sequence <= 10; sequence++) push(sequence)
  const walk = window.newestFirst()
  const seen = [walk.next().value?.entry.position, walk.next().value?.entry.position]
  for (let sequence = 11; sequence <= 15; sequence++) push(sequence)
  for (let step = walk.next(); !step.done && seen.length < 20; step = walk.next()) seen.push(step.value.entry.position)
  assert.deepEqual(
    seen,
    [10, 9, 8, 7, 6].map((sequence) => formatPosition("life0000", sequence)),
  )
  const other = window.newestFirst()
  assert.equal(other.next().done, false)
  window.reset(formatPosition("life0000", 20))
  assert.equal(other.next().done, true)
})

test("entries of 1,000 forgotten topics leave the others in the window; those of one more move its start", () => {
  const window = new Window({ maxEntries: 10_000, maxChars: Infinity }, formatPosition("life0000", 0))
  const at = (sequence: number): Position => formatPosition("life0000", sequence)
  window.push({ topic: "kept", data: "", position: at(1), time: 0 })
  for (let i = 2; i <= 1_002; i++) window.push({ topic: `gone ${i}`, data: "", position: at(i), time: 0 })
  window.push({ topic: "kept", data: "", position: at(1_003), time: 0 })
  const kept = readerOf(["kept"], false, ({ topic }) => topic === "kept")
  for (let i = 2; i <= 1_001; i++) window.forget([`gone ${i}`], at(1_003))
  assert.equal(window.start, at(0))
  assert.equal(window.read(at(0), kept, Infinity).entries.length, 2)
  window.forget(["gone 1002"], at(1_003))
  assert.equal(window.start, at(1_002), "after the newest forgotten entry")
  assert.equal(window.read(window.start, kept, Infinity).entries.length, 1)
  assert.equal(window.hasForgotten(window.start, everything), false)
})

test("a window keeps nothing of 40,000 topics that each had one entry", () => {
  const window = new Window({ maxEntries: 10, maxChars: 1_000 }, formatPosition("life0000", 0))
  let sequence = 0
  return assertGivesBack(40_000, () => {
    for (let i = 0; i < 40_000; i++) {
      const position = formatPosition("life0000", ++sequence)
      window.push({ topic: `topic ${sequence}`, data: "", position, time: 0 })
    }
  })
})

test("a window keeps no more text than data, with any number of encodings of its entries", () => {
  const window = new Window({ maxEntries: 100, maxChars: 1_000 }, formatPosition("life0000", 0))
  for (let sequence = 1; sequence <= 500; sequence++) {
    const position = formatPosition("life0000", sequence)
    // each line end is seven characters of text
    assert.ok(window.push({ topic: "a", data: "\n".repeat(20), position, time: 0 }).text.length > 120)
    assert.ok(window.textChars < 1_200, `${window.textChars} characters of text`)
    const { entries } = window.read(window.start, everything, Infinity)
    assert.ok(window.textChars <= 1_000 && entries.length === Math.min(sequence, 50))
  }
})
