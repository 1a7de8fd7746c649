import assert from "node:assert/strict"
import { test } from "node:test"
import { createParser, type ParsedEvent, type Parser, type ParserHandlers } from "../../src/protocol/index.ts"
import { bytesOf, feed } from "./feed.ts"

/** A parser and what it said. */
function listen(handlers: Partial<ParserHandlers> = {}, lastEventId?: string): { parser: Parser; data: string[] } {
  const data: string[] = []
  const onEvent = (event: ParsedEvent): void => void data.push(event.data)
  return { parser: createParser({ onEvent, ...handlers }, { lastEventId }), data }
}

test("handlers receive events, ids, reconnection times and comments in the order of the stream", () => {
  const heard: unknown[] = []
  const parser = createParser({
    onEvent: (event) => heard.push(event),
    onId: (id) => heard.push({ id }),
    onRetry: (retry) => heard.push({ retry }),
    onComment: (comment) => heard.push({ comment }),
  })
  parser.feed(": hello\nretry: 5\nevent: a\ndata: 1\nid: 7\n\n:no space\n:  two\nid: 8\n\ndata: 2\n\nid: 9")
  assert.deepEqual(heard, [
    { comment: "hello" },
    { retry: 5 },
    { id: "7" },
    { event: "a", data: "1", id: "7" },
    { comment: "no space" },
    { comment: " two" },
    { id: "8" },
    { event: "message", data: "2", id: "8" },
  ])
  assert.equal(parser.lastEventId, "8")
  assert.equal(parser.retry, 5)
})

test("handlers are called as methods, so that they can be those of a class", () => {
  class Counter {
    count = 0
    onEvent(): void {
      this.count++
    }
    onComment(): void {
      this.count++
    }
  }
  const counter = new Counter()
  createParser(counter).feed(":\ndata\n\n")
  assert.equal(counter.count, 2)
})

test("a checkpoint moves the last event id without an event", () => {
  const { parser, data } = listen()
  parser.feed("id: 7\n\n")
  assert.equal(parser.lastEventId, "7")
  assert.deepEqual(data, [])
})

test("an id takes effect when its block is complete", () => {
  const { parser } = listen({}, "6")
  parser.feed("id: 7\ndata: x\n")
  assert.equal(parser.lastEventId, "6")
  parser.feed("\n")
  assert.equal(parser.lastEventId, "7")
})

test("the initial last event id applies to events that have none", () => {
  const events: ParsedEvent[] = []
  createParser({ onEvent: (event) => events.push(event) }, { lastEventId: "41" }).feed("data: x\n\n")
  assert.deepEqual(events, [{ event: "message", data: "x", id: "41" }])
})

test("a reconnection time too large for a number is the largest one, and invalid ones are ignored", () => {
  const { parser } = listen()
  parser.feed(`retry: ${"9".repeat(400)}\n`)
  assert.equal(parser.retry, Number.MAX_SAFE_INTEGER)
  for (const digits of ["-1", "+1", "1.5", "1e3", "0x1", " 1", "1 ", "١"]) parser.feed(`retry: ${digits}\n`)
  assert.equal(parser.retry, Number.MAX_SAFE_INTEGER)
})

test("reset prepares for the next stream: incomplete data is dropped, id and reconnection time stay, and a BOM is skipped again", () => {
  const { parser, data } = listen()
  parser.feed("\ufeffretry: 9\nid: 1\ndata: a\n\nid: 2\nevent: t\ndata: lost\nda")
  parser.reset()
  assert.equal(parser.lastEventId, "1")
  assert.equal(parser.retry, 9)
  parser.feed("\ufeffdata: b\n\n")
  assert.deepEqual(data, ["a", "b"])
  parser.feed("data: c\n\r")
  parser.reset()
  parser.feed("\ndata: d\n\n")
  assert.deepEqual(data, ["a", "b", "c", "d"])
  assert.equal(parser.lastEventId, "1")
})

test("after the end only reset is allowed", () => {
  const { parser, data } = listen()
  parser.feed("data: a\n\ndata: unfinished\n")
  parser.end()
  parser.end()
  assert.throws(() => parser.feed("\n"), { name: "TypeError", message: /reset/ })
  parser.reset()
  parser.feed("data: b\n\n")
  assert.deepEqual(data, ["a", "b"])
})

for (const [what, leave] of [
  ["resets", (parser: Parser) => parser.reset()],
  ["ends", (parser: Parser) => parser.end()],
] as const) {
  test(`a handler that ${what} the parser receives nothing more of the chunk`, () => {
    for (const lineEnd of ["\n", "\r\n", "\r"]) {
      for (const handler of ["onEvent", "onId", "onRetry", "onComment"] as const) {
        let calls = 0
        const { parser, data } = listen({
          [handler]: () => {
            calls++
            leave(parser)
          },
        })
        parser.feed(
          ["retry: 1", ": c", "id: 1", "data: a", "", "retry: 2", ": d", "id: 2", "data: b", "", ""].join(lineEnd),
        )
        assert.equal(calls, 1, handler)
        if (what === "ends") assert.throws(() => parser.feed("data: c\n\n"), TypeError)
        parser.reset()
        parser.feed("data: next\n\n")
        assert.deepEqual(data, handler === "onEvent" ? [] : ["next"], handler)
      }
    }
  })
}

test("a handler that throws loses nothing: the chunk is parsed to its end, then feed throws the first error", () => {
  const seen: string[] = []
  const parser = createParser({
    onEvent: ({ data }) => {
      seen.push(data)
      if (data.startsWith("bad")) throw new Error(data)
    },
    onRetry: () => {
      throw new Error("second")
    },
  })
  const chunk = "data: a\n\ndata: bad 1\n\nretry: 1\ndata: b\n\ndata: bad 2\n\nid: 7\ndata: c\n\ndata: half"
  assert.throws(() => parser.feed(chunk), { message: "bad 1" })
  assert.equal(parser.lastEventId, "7")
  parser.feed("\n\n")
  assert.deepEqual(seen, ["a", "bad 1", "b", "bad 2", "c", "half"])
})

test("feed cannot be called by a handler", () => {
  let thrown: unknown
  const { parser, data } = listen({
    onComment: () => {
      try {
        parser.feed("data: inner\n\n")
      } catch (error) {
        thrown = error
      }
    },
  })
  parser.feed(": call\ndata: outer\n\n")
  assert.ok(thrown instanceof TypeError)
  assert.deepEqual(data, ["outer"])
})

test("strings and bytes can be mixed, and an incomplete surrogate pair is U+FFFD", () => {
  const { parser, data } = listen()
  parser.feed("data: \ud83e")
  parser.feed("\udd8a\n\ndata: \ud83e")
  parser.feed(bytesOf("\n\n"))
  parser.feed("data: \udd8a\n\n")
  assert.deepEqual(data, ["🦊", "\ufffd", "\ufffd"])
})

test("a chunk can be reused after feed", () => {
  const { parser, data } = listen()
  const chunk = new Uint8Array(8)
  const stream = bytesOf(`data: ${"0123456789".repeat(30)}\n\n`)
  for (let at = 0; at < stream.length; at += 8) {
    chunk.fill(0)
    const part = stream.subarray(at, at + 8)
    chunk.set(part)
    parser.feed(chunk.subarray(0, part.length))
    chunk.fill(33)
  }
  assert.deepEqual(data, ["0123456789".repeat(30)])
})

test("views into larger memory are read within their bounds", () => {
  const memory = bytesOf("data: before\n\ndata: seen\n\ndata: after\n\n")
  assert.deepEqual(feed([memory.subarray(14, 26)]).events, [{ event: "message", data: "seen", id: "" }])
  assert.deepEqual(feed([Buffer.from(memory).subarray(14, 22), Buffer.from(memory).subarray(22, 26)]).events.length, 1)
})

test("an event of many lines is joined like one of few", () => {
  for (const count of [31, 32, 33, 34, 1_055, 1_056, 1_057, 5_000]) {
    const lines = Array.from({ length: count }, (_, i) => `line ${i}`)
    const stream = bytesOf(`${lines.map((line) => `data: ${line}\n`).join("")}\ndata: next\n\n`)
    for (const chunks of [[stream], [stream.slice(0, 500), stream.slice(500)]]) {
      const [first, second] = feed(chunks).events
      assert.equal(first?.data, lines.join("\n"))
      assert.equal(second?.data, "next")
    }
  }
})

test("misuse is reported", () => {
  assert.throws(() => createParser((() => {}) as unknown as ParserHandlers), { name: "TypeError", message: /onEvent/ })
  assert.throws(() => createParser(undefined as unknown as ParserHandlers), { name: "TypeError", message: /onEvent/ })
  const handlers = { onEvent: () => {} }
  for (const maxEventBytes of [0, -1, 1.5, NaN, Infinity, "1"]) {
    assert.throws(() => createParser(handlers, { maxEventBytes: maxEventBytes as number }), TypeError)
  }
  assert.throws(() => createParser(handlers, { lastEventId: 1 as unknown as string }), TypeError)
  const parser = createParser(handlers)
  for (const chunk of [
    undefined,
    null,
    1,
    {},
    [100],
    new ArrayBuffer(8),
    new Uint16Array(8),
    new DataView(new ArrayBuffer(1)),
  ]) {
    assert.throws(() => parser.feed(chunk as Uint8Array), { name: "TypeError", message: /Uint8Array/ })
  }
})
