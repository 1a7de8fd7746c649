import assert from "node:assert/strict"
import { test } from "node:test"
import { Deltas } from "../../src/runs/deltas.ts"
import type { KeptFrame } from "../../src/runs/delta-data.ts"
import { messageOf, recordOf } from "../../src/runs/record.ts"

const dataOf = (frames: readonly KeptFrame[]): string => messageOf("t", { type: "delta", by: "a", n: 1, frames }).data

test("a delta is stored as it is, with any data and events, and read back", () => {
  const texts = ["", "one", '{"a":"b"}', "two\nlines\r\n", "12 3\n", "\u2028 Grüße 🙂", "\0", "\ud83d", "{"]
  const events = ["response.output_text.delta", "", "a b", "ü:%", "x\ny", "\ud83d"]
  const kinds: KeptFrame[] = [...texts, ...texts.flatMap((text) => events.map((event) => [text, event] as const))]
  for (const frames of [[], ...kinds.map((frame) => [frame]), kinds, kinds.toReversed()]) {
    const record = { type: "delta" as const, by: "0123456789abcdef", n: 12, frames }
    const event = "run.delta"
    const { data } = messageOf("t", record)
    assert.deepEqual(recordOf({ event, data }), record)
    assert.ok(data.isWellFormed() && !data.includes("\0"))
    // as an earlier version has stored it
    assert.deepEqual(recordOf({ event, data: JSON.stringify({ by: record.by, n: 12, frames }) }), record)
  }
  assert.equal(dataOf(['{"a":"b"}']), 'a 1 9\n{"a":"b"}')
})

test("damaged data of a delta is no record", () => {
  const damaged = [
    "",
    "\n",
    "a 1",
    "a\nx",
    "a 1 2\nx",
    "a 1 1\nxy",
    "a b 1\nx",
    "a -1 1\nx",
    " 1 1\nx",
    "a 1 1:%zz\nx",
    "a 1 1:%\nx",
    "a 1 x\n",
    "a 1 1e1\n0123456789",
    "a 9999999999999999 1\nx",
    "a  1\nx",
    "<html>",
  ]
  for (const data of damaged) assert.equal(recordOf({ event: "run.delta", data }), undefined, data)
})

test("the frames of records of every kind are found by index and by position", () => {
  const records: KeptFrame[][] = [["one"], [], [["data", "event"]], ["two", "three"], ["four", ["data", "event"]], [""]]
  const deltas = new Deltas()
  assert.equal(deltas.end, undefined)
  for (const [i, frames] of records.entries()) {
    deltas.add(`p${i}`, dataOf(frames), frames)
    assert.deepEqual(deltas.frames(i), frames)
  }
  assert.equal(deltas.length, records.length)
  assert.equal(deltas.end, "p5")
  for (const [i, frames] of records.entries()) {
    assert.deepEqual(deltas.frames(i), frames)
    assert.equal(deltas.positionOf(i), `p${i}`)
    assert.equal(deltas.indexOf(`p${i}`), i)
  }
  assert.equal(deltas.frames(6), undefined)
  assert.equal(deltas.indexOf("p6"), -1)
  deltas.clear()
  for (const i of records.keys()) assert.deepEqual(deltas.frames(i), [])
  assert.equal(deltas.length, records.length)
})
