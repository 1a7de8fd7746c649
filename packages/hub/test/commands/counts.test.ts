import assert from "node:assert/strict"
import { Readable } from "node:stream"
import { test } from "node:test"
import { readAll, readLines } from "../../src/commands/publish/read-lines.ts"
import { Sequence } from "../../src/commands/bench/sequence.ts"
import { countEvents } from "../../src/commands/tail/stats.ts"
import { age, short, streamTable } from "../../src/commands/top/table.ts"
import type { Stream } from "../../src/commands/top/snapshot.ts"
import { suggest } from "../../src/suggest.ts"
import { wrap } from "../../src/wrap.ts"

/** What a subscriber counts that receives these numbers; `null` stands for a gap. */
function counted(...numbers: (number | null)[]): number[] {
  const tally = { delivered: 0, lost: 0, duplicated: 0, reordered: 0, gaps: 0, skipped: 0 }
  const sequence = new Sequence(tally)
  for (const number of numbers) {
    if (number === null) sequence.gap()
    else sequence.take(number)
  }
  const { delivered, lost, duplicated, reordered, gaps, skipped } = tally
  return [delivered, lost, duplicated, reordered, gaps, skipped]
}

test("a load test tells lost, repeated, reordered and skipped events apart", () => {
  assert.deepEqual(counted(1, 2, 3), [3, 0, 0, 0, 0, 0])
  assert.deepEqual(counted(1, 4), [2, 2, 0, 0, 0, 0])
  assert.deepEqual(counted(1, 4, 2, 2), [2, 1, 1, 1, 0, 0])
  assert.deepEqual(counted(1, 1, 2), [2, 0, 1, 0, 0, 0])
  assert.deepEqual(counted(1, null, 5, 7), [3, 1, 0, 0, 1, 3])
  assert.deepEqual(counted(1, null, 2, 4), [3, 1, 0, 0, 1, 0])
})

test("events are counted each second, and in total at the end", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] })
  const lines: string[] = []
  const count = countEvents((line) => lines.push(line))
  for (let i = 0; i < 1_500; i++) count.add(2)
  t.mock.timers.tick(1_000)
  count.add(10)
  t.mock.timers.tick(1_000)
  assert.deepEqual(lines, ["1,500 events, 1,500/s", "1,501 events, 1/s"])
  count.stop()
  t.mock.timers.tick(5_000)
  assert.equal(lines.length, 3)
  assert.match(lines[2] ?? "", /^1,501 events, 3,010 characters, in \d\.\d s$/)
})

test("numbers and times are short", () => {
  const numbers = [0, 999, 999.5, 1_000, 12_340, 99_950, 123_456, 4_000_000, 5e9, 5e12, 5e15]
  assert.deepEqual(numbers.map(short), ["0", "999", "1k", "1k", "12.3k", "100k", "123k", "4M", "5G", "5T", "5000T"])
  const times = [-5, 999, 59_999, 60_000, 3_599_999, 3_600_000, 86_399_999, 86_400_000, 273_600_000]
  assert.deepEqual(times.map(age), ["0s", "0s", "59s", "1m0s", "59m59s", "1h0m", "23h59m", "1d0h", "3d4h"])
})

const stream = (more: Partial<Stream>): Stream => ({
  ...{ worker: 0, id: "7", topics: ["a"], patterns: ["b/*"], state: "live", openedAt: Date.now() - 90_500, lag: 1 },
  ...{ timesBehind: 2, gaps: 3, entries: 4, bytes: 5 },
  ...more,
})

test("the table of streams has their rates since the last one, and nothing that moves the cursor", () => {
  const at = Date.now()
  const streams = [
    stream({}),
    stream({ worker: 2, entries: 100, bytes: 3_000, userId: "\x1b[2J", label: "a-long-label" }),
  ]
  const first = streamTable({ at, total: 2, streams }, { before: undefined, width: 200 })
  assert.match(
    first[0] ?? "",
    /^ID {7}USER {9}ADDRESS {9}KIND {6}STATE {8}LAG BEHIND {2}GAPS {2}EVENTS {5}\/S {3}BYTES {6}\/S {4}AGE TOPICS$/,
  )
  assert.match(first[1] ?? "", /^7 {8}- {12}- {15}- {9}live {11}1 {6}2 {5}3 {7}4 {6}- {7}5 {7}- {2}1m30s a b\/\*$/)
  assert.match(first[2] ?? "", /^2\/7 {6}\S+2J .* a-long-l… /)
  const before = { at: at - 2_000, total: 1, streams: [stream({ worker: 2, entries: 40, bytes: 1_000 })] }
  const [, , second] = streamTable({ at, total: 2, streams }, { before, width: 200 })
  assert.match(second ?? "", / 100 {5}30 {6}3k {6}1k /)
  const same = streamTable({ at, total: 2, streams }, { before: { ...before, at }, width: 10 })
  assert.deepEqual(
    same.map(({ length }) => length <= 10),
    [true, true, true],
  )
  assert.match(streamTable({ at, total: 2, streams }, { before: { ...before, at }, width: 200 })[2] ?? "", / 100 {6}- /)
})

test("a similar word is suggested, and no other", () => {
  const words = ["serve", "config", "check", "token", "restore"]
  for (const [given, meant] of [
    ["serv", "serve"],
    ["srve", "serve"],
    ["sevre", "serve"],
    ["chek", "check"],
    ["chekc", "check"],
    ["con", "config"],
    ["restroe", "restore"],
    ["c", undefined],
    ["xxxxx", undefined],
    ["token", "token"],
    ["tokne", "token"],
    ["resXXXe", undefined],
    ["resXXre", "restore"],
  ] as const) {
    assert.equal(suggest(given, words), meant, given)
  }
  assert.equal(suggest("a", []), undefined)
  assert.equal(suggest("b", ["a"]), "a")
})

test("text is broken into lines that fit beside an indent, and no word is cut", () => {
  const words = (length: number): string => Array.from({ length }, () => "abcd").join(" ")
  assert.deepEqual(wrap("a b", 0), ["a b"])
  assert.deepEqual(
    wrap(words(22), 1).map(({ length }) => length),
    [109],
  )
  assert.deepEqual(
    wrap(words(22), 2).map(({ length }) => length),
    [104, 4],
  )
  assert.deepEqual(wrap("x".repeat(200), 0), ["x".repeat(200)])
  assert.deepEqual(wrap(`a ${"x".repeat(200)} b`, 0), ["a", "x".repeat(200), "b"])
})

const input = (...chunks: (string | number[])[]): Readable =>
  Readable.from(chunks.map((chunk) => Buffer.from(chunk as string)))

/** The lines of the input, as they can be sent together. */
async function linesOf(...chunks: (string | number[])[]): Promise<[first: number, ...lines: string[]][]> {
  const found: [number, ...string[]][] = []
  for await (const { first, lines } of readLines(input(...chunks))) found.push([first, ...lines])
  return found
}

test("lines that arrive together are read together, and the last one needs no end", async () => {
  assert.deepEqual(await linesOf("a\nb\r\nc", "d\n", "\ne"), [
    [1, "a", "b"],
    [3, "cd"],
    [4, ""],
    [5, "e"],
  ])
  assert.deepEqual(await linesOf([0x61, 0xc3], [0xa9]), [[1, "aé"]])
  const most = 1024 ** 2
  assert.equal((await linesOf("x".repeat(most)))[0]?.[1]?.length, most)
  await assert.rejects(linesOf("a\n", "x".repeat(most + 1)), {
    code: "message_too_large",
    message: /^Line 2 has more /,
  })
  for (const chunk of [
    [0x61, 0xc3],
    [0xff, 0x0a],
  ]) {
    await assert.rejects(linesOf(chunk), { code: "invalid_message" })
    await assert.rejects(readAll(input(chunk)), { code: "invalid_message" })
  }
})

test("one message is all of the input without the line end at its end", async () => {
  for (const [text, read] of [
    ["a\nb\r\n", "a\nb"],
    ["a\n\n", "a\n"],
    ["", ""],
  ] as const) {
    assert.equal(await readAll(input(text)), read)
  }
  const most = 1024 ** 2
  assert.equal((await readAll(input("x".repeat(most)))).length, most)
  await assert.rejects(readAll(input("x".repeat(most), "y")), { code: "message_too_large" })
})
