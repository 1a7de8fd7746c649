import assert from "node:assert/strict"
import { test } from "node:test"
import { defineEvents } from "../../src/events.ts"
import { note, tick } from "./standard-schema.ts"

const events = defineEvents({ tick, note })
const refused = { name: "OnwardError", code: "validation_failed" }

test("data that fits its schema becomes the output of the schema", async () => {
  assert.deepEqual(await events.validate("tick", { symbol: "ACME", price: "12.5" }), { symbol: "ACME", price: 12.5 })
  assert.equal(await events.validate("note", "hello"), "hello")
})

test("invalid data is refused, with the field and the reason", async () => {
  await assert.rejects(events.validate("tick", { price: 1 }), { ...refused, message: /"tick".*symbol: must be text/ })
  await assert.rejects(events.validate("tick", { symbol: "A", price: "x" }), {
    ...refused,
    message: /price: must be a/,
  })
  await assert.rejects(events.validate("note", 7), { ...refused, message: /"note": must be text/ })
})

test("an event that is not in the contract is refused, also names of inherited properties", async () => {
  for (const name of ["other", "message", "", "toString", "__proto__", "constructor"]) {
    await assert.rejects(events.validate(name, {}), refused, name)
  }
})

test("an event is decoded to its typed form", async () => {
  assert.deepEqual(await events.parse({ event: "tick", data: '{"symbol":"ACME","price":12.5}' }), {
    event: "tick",
    data: { symbol: "ACME", price: 12.5 },
  })
  assert.deepEqual(await events.parse({ event: "note", data: "no JSON {" }), { event: "note", data: "no JSON {" })
  await assert.rejects(events.parse({ event: "tick", data: "no JSON" }), refused)
  await assert.rejects(events.parse({ event: "other", data: "1" }), refused)
})

test("a text that looks like JSON is decoded as text", async () => {
  for (const text of ["42", "true", "null", '"quoted"', "{}"]) {
    assert.deepEqual(await events.parse({ event: "note", data: text }), { event: "note", data: text })
  }
})

test("without validation, the shape of data is not checked", async () => {
  assert.deepEqual(await events.parse({ event: "tick", data: '{"price":"x"}' }, { validate: false }), {
    event: "tick",
    data: { price: "x" },
  })
})

test("an invalid Standard Schema is refused when it is declared, by name", () => {
  for (const wrong of [undefined, null, {}, { "~standard": {} }, () => true]) {
    assert.throws(() => defineEvents({ tick, broken: wrong as never }), { name: "TypeError", message: /"broken"/ })
  }
})
