import assert from "node:assert/strict"
import { test } from "node:test"
import { isLost, type Witness } from "../../src/log/sqlite/witness.ts"

const STATE = { epoch: "aaaaaaaa", last: 7 }
const SEEN: Witness = { epoch: "aaaaaaaa", last: 7, boot: "b", durability: "full", files: "10:11" }
const EVIDENCE = { seen: SEEN, boot: "b", before: [10, 11, 12] } as const

test("a file that has everything in the witness has lost nothing", () => {
  assert.equal(isLost(STATE, EVIDENCE), false)
  assert.equal(isLost({ ...STATE, last: 8 }, EVIDENCE), false)
  assert.equal(isLost(STATE, { ...EVIDENCE, seen: undefined }), false)
})

test("a file that another process creates while this one opens it has lost nothing", () => {
  assert.equal(isLost(STATE, { ...EVIDENCE, before: [undefined, undefined, undefined] }), false)
  assert.equal(isLost(STATE, { ...EVIDENCE, before: [10, undefined, undefined] }), false)
})

test("a file that has less than the witness, or replaced another, has lost entries", () => {
  assert.equal(isLost({ ...STATE, last: 6 }, EVIDENCE), true)
  assert.equal(isLost(STATE, { ...EVIDENCE, before: [20, 11, 12] }), true)
  assert.equal(isLost(STATE, { ...EVIDENCE, before: [10, 21, 12] }), true)
})

test("after a reboot a file that was not flushed with each commit has lost entries", () => {
  assert.equal(isLost(STATE, { ...EVIDENCE, boot: "c" }), false)
  assert.equal(isLost(STATE, { ...EVIDENCE, boot: "c", seen: { ...SEEN, durability: "normal" } }), true)
})

test("a witness of another epoch is ignored", () => {
  assert.equal(isLost({ epoch: "bbbbbbbb", last: 0 }, EVIDENCE), false)
})
