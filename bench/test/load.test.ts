import assert from "node:assert/strict"
import { test } from "node:test"
import { Chunks } from "../load/chunks.ts"
import { Lines } from "../load/lines.ts"
import { Tally } from "../load/tally.ts"

const data = (number: number): string => `{"s":${number},"t":1,"p":"x"}`
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)};x=y\r\n${text}\r\n`

function read(body: string, cut: number): Tally {
  const tally = new Tally()
  const reader = new Chunks(new Lines(tally, data(1).length), tally)
  const bytes = Buffer.from(body)
  reader.push(bytes, 0, cut)
  // what a read leaves behind its end must not be looked at
  reader.push(Buffer.concat([bytes.subarray(cut), Buffer.from("\n\ndata: x\n\n")]), 0, bytes.length - cut)
  return tally
}

test("every event is recognized, wherever the bytes are cut and in every form that servers write", () => {
  const body = [
    chunk(": hello\n\nretry: 2000\n\n"),
    chunk(`id: 1\ndata: ${data(1)}\n\n`),
    chunk(`event:message\nid:2\ndata:${data(2)}\n\n`),
    chunk(`event: tick\r\ndata: ${data(3)}\r\n\r\nid: 4\n\n: beat\n\ndata: ${data(4)}\nid: 5\n\n`),
    chunk(`data: ${data(5)}\n`) + chunk("\n"),
    "0\r\n\r\n",
  ].join("")
  for (let cut = 0; cut <= body.length; cut++) {
    const { delivered, lost, duplicated, reordered, faults, ended } = read(body, cut)
    assert.deepEqual([delivered, lost, duplicated, reordered, faults, ended], [5, 0, 0, 0, 0, 1], `cut at ${cut}`)
  }
})

test("lost, repeated, reordered and unnumbered events are told apart", () => {
  const events = (...numbers: number[]): string => numbers.map((number) => `data: ${data(number)}\n\n`).join("")
  const outcome = (body: string): number[] => {
    const { delivered, lost, duplicated, reordered, gaps, skipped, faults } = read(chunk(body), 0)
    return [delivered, lost, duplicated, reordered, gaps, skipped, faults]
  }
  assert.deepEqual(outcome(events(1, 2, 5)), [3, 2, 0, 0, 0, 0, 0])
  assert.deepEqual(outcome(events(1, 2, 2, 3)), [3, 0, 1, 0, 0, 0, 0])
  assert.deepEqual(outcome(events(1, 3, 2, 4)), [3, 0, 0, 1, 0, 0, 0])
  assert.deepEqual(
    outcome(`${events(1)}event: stream.gap\ndata: {"reason":"trimmed"}\n\n${events(4, 5)}`),
    [3, 0, 0, 0, 1, 2, 0],
  )
  assert.deepEqual(outcome(`${events(1)}event: stream.end\ndata: \n\n`), [1, 0, 0, 0, 0, 0, 0])
  assert.deepEqual(outcome("data: hello\n\n"), [0, 0, 0, 0, 0, 0, 1])
})
