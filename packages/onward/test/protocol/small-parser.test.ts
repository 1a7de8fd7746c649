import assert from "node:assert/strict"
import { test } from "node:test"
import { createSmallParser, type ParsedEvent, type ParserHandlers } from "../../src/protocol/index.ts"
import { bytesOf, cutTo, feedSmall } from "./feed.ts"
import { interpret } from "./reference.ts"

const tooLarge = { name: "OnwardError", code: "event_too_large" }
const MIB = 1024 * 1024

/** A parser, what it said, and a way to give it text. */
function listen(handlers: Partial<Pick<ParserHandlers, "onEvent" | "onComment">> = {}, maxEventChars?: number) {
  const data: string[] = []
  const onEvent = (event: ParsedEvent): void => void data.push(event.data)
  const parser = createSmallParser({ onEvent, ...handlers }, { maxEventChars })
  return { parser, data, push: (text: string): void => parser.feed(bytesOf(text)) }
}

test("handlers receive events and comments in the order of the stream", () => {
  const heard: unknown[] = []
  const { parser, push } = listen({
    onEvent: (event) => heard.push(event),
    onComment: (comment) => heard.push({ comment }),
  })
  push(": hello\nretry: 5\nevent: a\ndata: 1\nid: 7\n\n:no space\nid: 8\n\ndata: 2\n\nid: 9")
  assert.deepEqual(heard, [
    { comment: "hello" },
    { event: "a", data: "1", id: "7" },
    { comment: "no space" },
    { event: "message", data: "2", id: "8" },
  ])
  assert.equal(parser.lastEventId, "8")
})

test("a reconnection time is known, and one too large for a number is the largest", () => {
  const { parser, push } = listen()
  push("retry: 5\n")
  assert.equal(parser.retry, 5)
  push(`retry: ${"9".repeat(400)}\n`)
  assert.equal(parser.retry, Number.MAX_SAFE_INTEGER)
  for (const digits of ["-1", "+1", "1.5", "1e3", "0x1", " 1", "1 ", "١"]) push(`retry: ${digits}\n`)
  assert.equal(parser.retry, Number.MAX_SAFE_INTEGER)
})

test("after a reset in any handler the rest of the chunk is skipped, and the next stream starts fresh", () => {
  for (const handler of ["onEvent", "onComment"] as const) {
    const heard: string[] = []
    let reset = (): void => {}
    const hear = (name: string) => (): void => {
      heard.push(name)
      if (name === handler) reset()
    }
    const parser = createSmallParser({ onEvent: hear("onEvent"), onComment: hear("onComment") })
    reset = parser.reset
    parser.feed(bytesOf(":\nretry: 1\nid: 1\ndata: a\n\n:\nretry: 2\nid: 2\ndata: b\n\ndata: c"))
    const all = ["onComment", "onEvent"]
    assert.deepEqual(heard, all.slice(0, all.indexOf(handler) + 1))
    heard.length = 0
    parser.feed(bytesOf("\ufeffdata: d\n\n"))
    assert.deepEqual(heard, ["onEvent"], handler)
  }
})

test("an error of a handler is thrown by feed, and after a reset another stream can be parsed", () => {
  const { parser, push } = listen({
    onEvent: ({ data }) => {
      throw new Error(data)
    },
  })
  assert.throws(() => push("id: 1\ndata: mine\n\ndata: next\n\n"), { message: "mine" })
  parser.reset()
  assert.equal(parser.lastEventId, "1")
  assert.throws(() => push("data: after\n\n"), { message: "after" })
})

test("the default limit is 16 mebi characters, in one chunk or in many", () => {
  const text = "x".repeat(16 * MIB)
  for (const size of [Infinity, 65_536]) {
    const feed = (value: string): number =>
      feedSmall(cutTo(bytesOf(`data: ${value}\n\n`), Math.min(size, value.length + 8))).events.length
    assert.equal(feed(text.slice(7)), 1)
    assert.throws(() => feed(text), tooLarge, `chunks of ${size}`)
  }
})

test("an event too large inside one chunk is refused after the events before it were delivered", () => {
  const { parser, data, push } = listen({}, 100)
  assert.throws(() => push(`id: 1\ndata: a\n\nid: 2\ndata: ${"x".repeat(100)}\n\ndata: b\n\n`), tooLarge)
  assert.deepEqual(data, ["a"])
  assert.equal(parser.lastEventId, "1")
  parser.reset()
  push("data: c\n\n")
  assert.deepEqual(data, ["a", "c"])
})

test("data lines count together, each with its line end, and start at 0 for the next event", () => {
  const bytes = bytesOf(`${"data: 123456789\n".repeat(10)}\n`.repeat(50))
  for (const size of [1, 16, 150, 4_096]) {
    assert.equal(feedSmall(cutTo(bytes, size), { maxEventChars: 106 }).events.length, 50)
    assert.throws(() => feedSmall(cutTo(bytes, size), { maxEventChars: 99 }), tooLarge)
  }
})

test("an endless line of any kind is refused, even a comment", () => {
  for (const start of ["data: ", "id: ", "event: ", ": ", "foo: ", ""]) {
    const { push } = listen({}, MIB)
    push(start)
    const chunk = "x".repeat(65_536)
    let pushed = 0
    assert.throws(() => {
      for (; pushed < 100; pushed++) push(chunk)
    }, tooLarge)
    assert.ok(pushed <= 16, `${pushed} chunks of 64 KiB were taken within a limit of 1 MiB`)
  }
})

test("a line of 512 KiB can arrive byte by byte, in linear time", () => {
  const { parser, data, push } = listen()
  const byte = bytesOf("x")
  push("data: ")
  for (let i = 0; i < MIB / 2; i++) parser.feed(byte)
  push("\n\n")
  assert.equal(data[0]?.length, MIB / 2)
})

test("characters stay complete wherever a long line is cut, and invalid UTF-8 is replaced", () => {
  const text = "aé火🦊".repeat(8_000)
  const bytes = bytesOf(`data: ${text}\n\n`)
  for (const size of [1, 3, 1_021, 16_384, 30_001]) assert.equal(feedSmall(cutTo(bytes, size)).events[0]?.data, text)
  const broken = Buffer.concat([Buffer.from("data: a"), Buffer.of(0xe2, 0x82), Buffer.from("\n\n")])
  for (const size of [1, 2, 100]) assert.equal(feedSmall(cutTo(broken, size)).events[0]?.data, "a\ufffd")
})

test("large chunks of events of any size, with any line end, are parsed as the standard says", () => {
  const block = (i: number, text: string): string =>
    `: c\nid: ${i}\nevent: e${i}\ndata: ${i}${text}\ndata:\n\ndata\n\n\n`
  for (const lineEnd of ["\n", "\r", "\r\n"])
    for (const character of ["x", "é", "火", "🦊"])
      for (const repeats of [1, 60, 700, 3_000]) {
        const count = 40_000 / (30 + repeats)
        const blocks = Array.from({ length: count }, (_, i) => block(i, character.repeat(i % 3 === 0 ? repeats : 8)))
        const bytes = bytesOf(blocks.join("").replaceAll("\n", lineEnd))
        const { ids: _, ...expected } = interpret(bytes)
        for (const size of [4_095, 4_097, 16_384, bytes.length])
          assert.deepEqual(feedSmall(cutTo(bytes, size)), expected, `${repeats} × ${character}, ${size} bytes a chunk`)
      }
})

test("a chunk may begin with any character", () => {
  for (const first of ["\0", "\ufeff", "\r", " "]) {
    const bytes = bytesOf(`data: a${first}b\n\n`)
    const { ids: _, ...expected } = interpret(bytes)
    assert.deepEqual(feedSmall([bytes.slice(0, 7), bytes.slice(7)]), expected)
  }
})
