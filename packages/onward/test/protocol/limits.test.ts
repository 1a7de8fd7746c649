import assert from "node:assert/strict"
import { test } from "node:test"
import { createParser, type ParsedEvent } from "../../src/protocol/index.ts"
import { bytesOf, cutTo, feed } from "./feed.ts"

const tooLarge = { name: "OnwardError", code: "event_too_large" }
const MIB = 1024 * 1024

test("an event can be exactly as large as the limit, and not larger", () => {
  for (const stream of [
    `data: ${"x".repeat(994)}\n\n`,
    `data: ${"火".repeat(331)}é\n\n`.replace("é", "x"),
    `id: ${"7".repeat(996)}\n\n`,
  ]) {
    const bytes = bytesOf(stream)
    assert.equal(bytes.length, 1_002)
    for (const size of [1, 7, 100, 999, 1_000, 1_001, 1_002]) {
      feed(cutTo(bytes, size), { maxEventBytes: 1_000 })
      assert.throws(() => feed(cutTo(bytes, size), { maxEventBytes: 999 }), tooLarge, `chunks of ${size}`)
    }
  }
})

test("the data lines of an event count together, each with its line end, and start at 0 for the next event", () => {
  const event = `${"data: 123456789\n".repeat(10)}\n`
  const bytes = bytesOf(event.repeat(50))
  for (const size of [1, 16, 150, 4_096]) {
    assert.equal(feed(cutTo(bytes, size), { maxEventBytes: 105 }).events.length, 50)
    assert.throws(() => feed(cutTo(bytes, size), { maxEventBytes: 104 }), tooLarge)
  }
})

test("the default limit is 16 MiB", () => {
  const line = (size: number): Uint8Array => bytesOf(`data: ${"x".repeat(size - 6)}\n\n`)
  assert.equal(feed([line(16 * MIB)]).events.length, 1)
  assert.throws(() => feed([line(16 * MIB + 1)]), tooLarge)
})

test("events before the one that is too large are delivered, and the parser fails until reset", () => {
  const events: ParsedEvent[] = []
  const parser = createParser({ onEvent: (event) => events.push(event) }, { maxEventBytes: 100 })
  const large = `data: ${"x".repeat(200)}`
  assert.throws(() => parser.feed(`id: 1\ndata: a\n\n${large}`), tooLarge)
  assert.throws(() => parser.feed("\n\n"), tooLarge)
  assert.throws(() => parser.feed("data: b\n\n"), tooLarge)
  assert.equal(parser.lastEventId, "1")
  parser.reset()
  parser.feed("data: c\n\n")
  assert.deepEqual(
    events.map(({ data }) => data),
    ["a", "c"],
  )
})

test("the error of a handler is not lost after an event that is too large", () => {
  const parser = createParser(
    {
      onEvent: () => {
        throw new Error("mine")
      },
    },
    { maxEventBytes: 20 },
  )
  assert.throws(() => parser.feed(`data: a\n\ndata: ${"x".repeat(20)}`), { message: "mine" })
  assert.throws(() => parser.feed("\n"), tooLarge)
})

test("comments without a listener and unknown fields do not count, of any length", () => {
  const parser = createParser({ onEvent: ({ data }) => events.push(data) }, { maxEventBytes: 50 })
  const events: string[] = []
  for (const line of [": ", "foo: ", "dat", "data2: ", "Data: ", " data: "]) {
    parser.feed(`data: a\n${line}`)
    for (let i = 0; i < 100; i++) parser.feed("x".repeat(1_000))
    parser.feed("\ndata: b\r\n\r\n")
    parser.feed(`${line}${"x".repeat(10_000)}\n${line}${"x".repeat(10_000)}`)
    parser.feed("\r")
    parser.feed("\ndata: c\n\n")
  }
  assert.deepEqual(events, Array.from({ length: 6 }, () => ["a\nb", "c"]).flat())
})

test("a comment counts if there is a listener", () => {
  const onComment = (): void => {}
  assert.throws(() => feed([`:${"x".repeat(1_000)}`], { maxEventBytes: 1_000, onComment }), tooLarge)
  feed([`:${"x".repeat(999)}`], { maxEventBytes: 1_000, onComment })
})

test("a line of 8 MiB can arrive byte by byte", () => {
  let length = 0
  const parser = createParser({ onEvent: ({ data }) => void (length += data.length) })
  const byte = bytesOf("x")
  parser.feed("data: ")
  for (let i = 0; i < 8 * MIB; i++) parser.feed(byte)
  parser.feed("\n\n")
  assert.equal(length, 8 * MIB)
})

test("characters stay complete wherever a long line is cut", () => {
  const text = "aé火🦊".repeat(8_000)
  const bytes = bytesOf(`data: ${text}\n\n`)
  for (const size of [1, 3, 1_021, 16_384, 16_385, 30_001]) assert.equal(feed(cutTo(bytes, size)).events[0]?.data, text)
})
