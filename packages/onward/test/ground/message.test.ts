import assert from "node:assert/strict"
import { test } from "node:test"
import { idOf, serialize } from "../../src/message.ts"

test("strings are sent unchanged, everything else as JSON, undefined as the empty string", () => {
  assert.equal(serialize("plain\ntext"), "plain\ntext")
  assert.equal(serialize(""), "")
  assert.equal(serialize(undefined), "")
  assert.equal(serialize(null), "null")
  assert.equal(serialize(0), "0")
  assert.equal(serialize(false), "false")
  assert.equal(serialize([1, "a"]), '[1,"a"]')
  assert.equal(serialize({ a: { b: 1 } }), '{"a":{"b":1}}')
  assert.equal(serialize(new Date(0)), '"1970-01-01T00:00:00.000Z"')
})

test("values that JSON cannot represent are refused, with the value and the reason", () => {
  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  const refused = { name: "OnwardError", code: "invalid_message" }
  assert.throws(() => serialize(1n), refused)
  assert.throws(() => serialize(cyclic), refused)
  assert.throws(() => serialize(Symbol("a")), { ...refused, message: /Symbol/ })
  assert.throws(() => serialize(() => 1), { ...refused, message: /function/ })
  const cause = captured(() => serialize(cyclic)).cause
  assert.ok(cause instanceof TypeError, "the reason is kept")
})

test("an entry's SSE id is its publisher's if it has one, else its position", () => {
  const entry = { topic: "a", data: "", position: "life0000~11", time: 0 }
  assert.equal(idOf(entry), "life0000~11")
  assert.equal(idOf({ ...entry, id: "mine" }), "mine")
})

function captured(run: () => unknown): Error {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  throw new Error("nothing was thrown")
}
