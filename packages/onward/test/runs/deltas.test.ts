import assert from "node:assert/strict"
import { test } from "node:test"
import { Deltas } from "../../src/runs/deltas.ts"
import type { KeptFrame } from "../../src/runs/record.ts"

test("the frames of records of every kind are found by index and by position", () => {
  const records: KeptFrame[][] = [["one"], [], [["data", "event"]], ["two", "three"], ["four", ["data", "event"]], [""]]
  const deltas = new Deltas()
  assert.equal(deltas.end, undefined)
  for (const [i, frames] of records.entries()) deltas.add(`p${i}`, frames)
  assert.equal(deltas.length, records.length)
  assert.equal(deltas.end, "p5")
  for (const [i, frames] of records.entries()) {
    assert.deepEqual(deltas.at(i), { position: `p${i}`, frames })
    assert.equal(deltas.indexOf(`p${i}`), i)
  }
  assert.equal(deltas.at(6), undefined)
  assert.equal(deltas.indexOf("p6"), -1)
  deltas.clear()
  assert.deepEqual(deltas.at(3), { position: "p3", frames: [] })
  assert.equal(deltas.length, records.length)
})
