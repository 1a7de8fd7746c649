import assert from "node:assert/strict"
import { test } from "node:test"
import { messageOf, recordOf, wireOf, keptOf, framesOfDelta, type RunRecord } from "../../src/runs/record.ts"
import { createReducer } from "../../src/runs/reduce.ts"

const by = "0123456789abcdef"
const metrics = {
  ...{ duration: 1, tokens: 2, counted: "frames", viewers: 3, resumes: 4, raw: 5, merged: 6 },
  ...{ ttft: 7, rate: 8, gaps: { p50: 1, p95: 2, p99: 3 } },
}
const end = {
  mark: "m",
  by,
  status: "completed",
  error: { code: "c", message: "M" },
  usage: { input: 1, output: 2 },
  metrics,
}

test("a record is read as it was written", () => {
  const records = [
    { type: "open", by, format: "text" },
    { type: "delta", by, n: 0, frames: ["a", ["b", "event"]] },
    { type: "beat", by, n: 7 },
    { type: "seen", viewers: 1, resumes: 0 },
    { type: "delete", mark: "m" },
    { type: "end", ...end },
    { type: "end", mark: "m", by, status: "failed", usage: {}, metrics: { ...metrics, counted: "usage" } },
    { type: "end", mark: "m", status: "stopped" },
    { type: "end", mark: "m", status: "lost" },
  ] as const satisfies readonly object[]
  for (const record of records as readonly RunRecord[]) {
    const { topic, event, data } = messageOf("t", record)
    assert.equal(topic, "t")
    assert.equal(event, `run.${record.type}`)
    assert.deepEqual(recordOf({ event, data }), record)
  }
})

test("a record with a wrong or a missing member is none", () => {
  const { gaps: _, ttft: __, rate: ___, ...least } = metrics
  assert.ok(recordOf({ event: "run.end", data: JSON.stringify({ ...end, metrics: least }) }))
  const wrong: [event: string, data: object][] = [
    ["open", { by }],
    ["open", { format: "text" }],
    ["open", { by: 1, format: "text" }],
    ["open", { by, format: 1 }],
    ["delta", { by, n: 1 }],
    ["delta", { n: 1, frames: [] }],
    ["delta", { by, frames: [] }],
    ["delta", { by, n: 1, frames: [["a", "b", "c"]] }],
    ["delta", { by, n: 1, frames: [["a", 1]] }],
    ["delta", { by, n: 1, frames: [[1, "a"]] }],
    ["delta", { by, n: 1, frames: ["a", 1] }],
    ["beat", { by }],
    ["beat", { n: 1 }],
    ["beat", { by, n: 1.5 }],
    ["seen", { viewers: 1 }],
    ["seen", { resumes: 1 }],
    ["seen", { viewers: 0, resumes: -1 }],
    ["delete", { mark: 1 }],
    ["end", { ...end, mark: 1 }],
    ["end", { ...end, error: { code: 1, message: "M" } }],
    ["end", { ...end, error: { code: "c", message: 1 } }],
    ["end", { ...end, error: [] }],
    ["end", { ...end, error: null }],
    ["end", { ...end, usage: { input: "1" } }],
    ["end", { ...end, usage: null }],
    ["end", { ...end, metrics: null }],
    ["end", { ...end, metrics: { ...metrics, counted: "bytes" } }],
    ["end", { ...end, metrics: { ...metrics, gaps: 1 } }],
    ["end", { ...end, metrics: { ...metrics, ttft: "1" } }],
    ["end", { ...end, metrics: { ...metrics, rate: null } }],
    ...Object.keys(least).map((name): [string, object] => ["end", { ...end, metrics: { ...metrics, [name]: "1" } }]),
  ]
  for (const [event, data] of wrong) {
    assert.equal(
      recordOf({ event: `run.${event}`, data: JSON.stringify(data) }),
      undefined,
      JSON.stringify([event, data]),
    )
  }
  const data = JSON.stringify({ by, n: 1 })
  assert.equal(recordOf({ data }), undefined)
  assert.equal(recordOf({ event: "beat", data }), undefined)
  assert.equal(recordOf({ event: "run_beat", data }), undefined)
})

test("frames of a delta are kept with their events, and other text has none", () => {
  const frames = ["a", ["", "x y"], "", ['{"b":1}', "50%"], ["c", ""], "d e\nf 1:2"] as const
  const { data } = messageOf("t", { type: "delta", by, n: 12, frames })
  assert.ok(data.startsWith(`${by} 12 `), "without JSON")
  assert.deepEqual(framesOfDelta(data), frames)
  assert.deepEqual(framesOfDelta("nothing"), [])
  assert.deepEqual(framesOfDelta(JSON.stringify({ by, n: 1, frames: ["a"] })), ["a"])
  assert.equal(messageOf("t", { type: "delta", by, n: 1, frames: [["a", "\ud83d"]] }).data.startsWith("{"), true)
  for (const message of [{ data: "a" }, { data: "a", event: "x" }]) assert.deepEqual(wireOf(keptOf(message)), message)
})

test("damaged text of a delta is no delta", () => {
  for (const data of [
    "",
    " 1 1\na",
    `${by}\n`,
    `${by} \n`,
    `${by} 1 1\n`,
    `${by} 1 1\nab`,
    `${by} 1 \na`,
    `${by} 1 x\na`,
    `${by} x 1\na`,
    `${by} 1 1,1\nab`,
    `${by} 1:e 1\na`,
    `${by} 99999999999999999999 1\na`,
    `${by} 1 1:%\na`,
    `${by} 1 1`,
  ]) {
    assert.equal(recordOf({ event: "run.delta", data }), undefined, JSON.stringify(data))
  }
})

/** Which of these records count for a reader. */
function counting(...records: readonly (RunRecord | "reopen")[]): boolean[] {
  const reducer = createReducer()
  return records.flatMap((record, at) => {
    if (record === "reopen") {
      reducer.reopen()
      return []
    }
    return reducer.take({ ...messageOf("t", record), position: `life0000~1${at}`, time: at })
  })
}

const open: RunRecord = { type: "open", by, format: "text" }
const delta = (n: number, name = by): RunRecord => ({ type: "delta", by: name, n, frames: ["a"] })
const ended: RunRecord = { type: "end", mark: "m", by, status: "completed" }
const stopped: RunRecord = { type: "end", mark: "m", status: "stopped" }
const deleted: RunRecord = { type: "delete", mark: "d" }

test("of the records of a run, the first start, the first end and each number count once", () => {
  assert.deepEqual(counting(delta(1), ended, deleted, open), [false, false, false, true])
  assert.deepEqual(counting(open, open, { ...open, by: "other" }), [true, false, false])
  assert.deepEqual(counting(open, delta(1), delta(1), delta(3), delta(2), { type: "beat", by, n: 4 }), [
    ...[true, true, false],
    ...[true, false, true],
  ])
  assert.deepEqual(counting(open, delta(1, "other"), { type: "beat", by: "other", n: 9 }, delta(1)), [
    ...[true, false, false, true],
  ])
  assert.deepEqual(counting(open, { type: "seen", viewers: 1, resumes: 1 }), [true, false])
  assert.deepEqual(counting(open, { ...ended, by: "other" }, ended, stopped, delta(9)), [
    true,
    false,
    true,
    false,
    false,
  ])
  assert.deepEqual(counting(open, stopped, ended), [true, true, false])
  assert.deepEqual(counting(open, ended, deleted, deleted, ended), [true, true, true, false, false])
  assert.deepEqual(counting(open, deleted, ended), [true, true, false])
  // after the log was recreated, the same producer opens the run again
  assert.deepEqual(counting(open, delta(1), "reopen", delta(2), { ...open, by: "other" }, open, delta(1), delta(2)), [
    ...[true, true, false, false, true, false, true],
  ])
})

test("viewers of other processes are added, and a deleted run has no frames and one end", () => {
  const reducer = createReducer()
  const records: RunRecord[] = [
    open,
    { type: "seen", viewers: 2, resumes: 1 },
    { type: "seen", viewers: 3, resumes: 0 },
  ]
  for (const [at, record] of [...records, delta(5), deleted].entries()) {
    reducer.take({ ...messageOf("t", record), position: `life0000~1${at}`, time: at })
  }
  assert.deepEqual(reducer.elsewhere, { viewers: 5, resumes: 1 })
  assert.equal(reducer.n, 5)
  assert.deepEqual(reducer.opened, { by, format: "text", position: "life0000~10", time: 0 })
  assert.deepEqual(reducer.deltas.frames(0), [])
  assert.deepEqual(reducer.ended, { type: "end", mark: "d", status: "stopped", position: "life0000~14", time: 4 })
  assert.deepEqual([reducer.isDeleted, reducer.isOpen], [true, true])
})
