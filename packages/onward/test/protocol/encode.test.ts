import assert from "node:assert/strict"
import { test } from "node:test"
import { encode, encodeComment, encodeRetry, type WireMessage } from "../../src/protocol/index.ts"

const refused = { name: "OnwardError", code: "invalid_message" }

test("a block has comment, event, retry, id and data, in this order, and a blank line", () => {
  const text = encode({ data: "d", id: "7", retry: 100, event: "tick", comment: "note" })
  assert.equal(text, ": note\nevent: tick\nretry: 100\nid: 7\ndata: d\n\n")
})

test("strings are written unchanged, everything else as JSON", () => {
  assert.equal(encode({ data: '{"a":' }), 'data: {"a":\n\n')
  assert.equal(encode({ data: { a: [1, "x\ny"] } }), 'data: {"a":[1,"x\\ny"]}\n\n')
  assert.equal(encode({ data: 0 }), "data: 0\n\n")
  assert.equal(encode({ data: null }), "data: null\n\n")
  assert.equal(encode({ data: JSON.stringify({ a: 1 }, null, 1) }), 'data: {\ndata:  "a": 1\ndata: }\n\n')
})

test("each line of data and of a comment becomes a line, for any line ending", () => {
  assert.equal(encode({ data: "a\nb\r\nc\rd" }), "data: a\ndata: b\ndata: c\ndata: d\n\n")
  assert.equal(encode({ data: "\n" }), "data: \ndata: \n\n")
  assert.equal(encode({ data: "\r\r\n\n" }), "data: \ndata: \ndata: \ndata: \n\n")
  assert.equal(encodeComment("a\nb\r\nc\rd"), ": a\n: b\n: c\n: d\n")
  assert.equal(encodeComment(""), ": \n")
})

test("empty data is an event, absent data a checkpoint: every block has data", () => {
  assert.equal(encode({ data: "" }), "data: \n\n")
  assert.equal(encode({ id: "7", data: undefined }), "event: stream.checkpoint\nid: 7\ndata: {}\n\n")
  assert.equal(encode({ retry: 0 }), "event: stream.checkpoint\nretry: 0\ndata: {}\n\n")
  assert.equal(
    encode({ comment: "hi", retry: 5, id: "" }),
    ": hi\nevent: stream.checkpoint\nretry: 5\nid: \ndata: {}\n\n",
  )
})

test("a comment alone is not a block, and has no blank line", () => {
  assert.equal(encode({ comment: "hi" }), ": hi\n")
  assert.equal(encode({ comment: "a\nb", event: "", data: undefined }), ": a\n: b\n")
})

test("a reconnection time alone is a line of the next block", () => {
  assert.equal(encodeRetry(1_000) + encode({ data: "x" }), "retry: 1000\ndata: x\n\n")
  for (const retry of [-1, 0.5, NaN, Infinity, "100", null]) assert.throws(() => encodeRetry(retry as number), refused)
})

test("an empty event name is left out, and an empty id resets the id", () => {
  assert.equal(encode({ event: "", data: "x" }), "data: x\n\n")
  assert.equal(encode({ event: "", id: "1" }), "event: stream.checkpoint\nid: 1\ndata: {}\n\n")
  assert.equal(encode({ id: "", data: "x" }), "id: \ndata: x\n\n")
})

test("a block without effect is refused: an empty one, or an event without data", () => {
  assert.throws(() => encode({}), refused)
  assert.throws(() => encode({ event: "" }), refused)
  assert.throws(() => encode({ event: "tick" }), refused)
  assert.throws(() => encode({ event: "tick", id: "7" }), refused)
  assert.throws(() => encode("text" as unknown as WireMessage), refused)
})

test("event and id cannot contain characters that end a line, are ignored or change in transit", () => {
  for (const bad of ["\n", "\r", "\r\n", "\0", "\ud83e", "\udd8a"]) {
    for (const text of [bad, `x${bad}`, `${bad}x`, `x${bad}x`, "x".repeat(100) + bad, `é${bad}`]) {
      assert.throws(() => encode({ event: text, data: "" }), refused, JSON.stringify(text))
      assert.throws(() => encode({ id: text, data: "" }), refused, JSON.stringify(text))
    }
  }
})

test("a refused name is refused again, and a valid one stays valid", () => {
  assert.equal(encode({ event: "good", data: "" }), "event: good\ndata: \n\n")
  assert.throws(() => encode({ event: "bad\n", data: "" }), refused)
  assert.throws(() => encode({ event: "bad\n", data: "" }), refused)
  assert.equal(encode({ event: "good", data: "" }), "event: good\ndata: \n\n")
})

test("characters that look like line ends are not changed", () => {
  const text = "\u000b\f\u0085\u2028\u2029🦊"
  assert.equal(encode({ event: text, id: text, data: text }), `event: ${text}\nid: ${text}\ndata: ${text}\n\n`)
})

test("retry is a whole number of milliseconds", () => {
  assert.equal(encode({ retry: Number.MAX_SAFE_INTEGER, data: "" }), "retry: 9007199254740991\ndata: \n\n")
  for (const retry of [-1, 0.5, NaN, Infinity, 2 ** 53, "100", null, 10n]) {
    assert.throws(() => encode({ retry } as unknown as WireMessage), refused, String(retry))
  }
})

test("values of wrong types are refused and not written", () => {
  for (const wrong of [1, null, {}, ["\n"], { length: 1, charCodeAt: () => 65, toString: () => "\n" }]) {
    assert.throws(() => encode({ event: wrong, data: "" } as unknown as WireMessage), refused)
    assert.throws(() => encode({ id: wrong, data: "" } as unknown as WireMessage), refused)
    assert.throws(() => encode({ comment: wrong, data: "" } as unknown as WireMessage), refused)
    assert.throws(() => encodeComment(wrong as unknown as string), refused)
  }
  for (const data of [() => {}, Symbol("x"), 10n]) assert.throws(() => encode({ data }), refused)
})

test("no field of a message can add a line of its own", () => {
  const attacks = [
    "x\ndata: forged",
    "x\r\n\r\ndata: forged\r\n\r\n",
    "x\rid: 9",
    "\n\nevent: stream.end\ndata: {}\n\n",
    "\0\n: ",
  ]
  const lines = /^(?:(?:: |event: |retry: |id: |data: )[^\r\n]*\n)+\n$/
  for (const attack of attacks) {
    assert.match(encode({ data: attack, comment: attack }), lines)
    assert.match(encode({ data: { [attack]: attack } }), lines)
    assert.match(encode({ data: { toJSON: () => attack } }), lines)
    for (const field of ["event", "id"]) assert.throws(() => encode({ data: "", [field]: attack }), refused)
  }
})
