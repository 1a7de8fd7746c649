import assert from "node:assert/strict"
import { test } from "node:test"
import { Latency } from "../../src/commands/bench/latency.ts"
import { formatReport, type Report } from "../../src/commands/bench/report.ts"
import { Tally } from "../../src/commands/bench/tally.ts"

test("a percentile is exact within 3 %, from microseconds to minutes", () => {
  const none = new Latency()
  assert.deepEqual([none.quantile(0.5), none.max], [0, 0])
  for (const microseconds of [1, 31, 32, 33, 63, 64, 65, 100, 1_000, 4_095, 4_096, 123_456, 60_000_000]) {
    const latency = new Latency()
    latency.add(microseconds * 1_000)
    latency.add(3_600e9)
    const found = latency.quantile(0.4) * 1_000
    assert.ok(Math.abs(found - microseconds) <= Math.max(0.5, microseconds * 0.03), `${microseconds}: ${found}`)
  }
  const many = new Latency()
  many.add(1_000_000, 98)
  many.add(50_000_000)
  many.add(90_000_000)
  assert.deepEqual([many.max, many.quantile(1)], [90, 90])
  for (const [quantile, ms] of [
    [0.5, 1],
    [0.97, 1],
    [0.98, 50],
    [0.99, 90],
  ] as const) {
    assert.ok(Math.abs(many.quantile(quantile) - ms) <= ms * 0.03, `${quantile}: ${many.quantile(quantile)}`)
  }
  const short = new Latency()
  short.add(1_000)
  assert.equal(short.quantile(0.5), 0.001, "no percentile is above the longest duration")
})

test("the first fault of a load test is told, and all are counted", () => {
  const tally = new Tally()
  tally.fault("first")
  tally.fault("second")
  assert.deepEqual([tally.faults, tally.faultText], [2, "first"])
})

const REPORT: Report = {
  ...{
    clients: 1_000,
    topics: 2,
    published: 300,
    size: 64,
    seconds: 2,
    delivered: 150_000,
    deliveriesPerSecond: 75_000,
  },
  ...{ p50: 1.234, p99: 9.96, max: 123.4, lost: 1, twice: 2, outOfOrder: 3, gaps: 0, resumes: 5, faults: 0, fault: "" },
  behind: 100,
}

test("a report is a table, a line of JSON or comma-separated values", () => {
  assert.equal(
    formatReport(REPORT, "table"),
    `streams       1,000 on 2 topics, 5 cut and resumed
published     300 messages of 64 bytes, 150/s
delivered     150,000, 75,000/s
lag           p50 1.2 ms, p99 10.0 ms, max 123 ms
lost          1
twice         2
out of order  3
`,
  )
  const bad = formatReport({ ...REPORT, gaps: 1, faults: 2, behind: 101 }, "table")
    .split("\n")
    .slice(7)
  assert.deepEqual(bad, [
    "gaps          1: the hub keeps too few entries for this load",
    "faults        2",
    "note          the publishers were up to 101 ms late, so the load was lower than asked for",
    "",
  ])
  const { fault: _, ...numbers } = REPORT
  const rounded = { ...numbers, p50: 1.23 }
  assert.deepEqual(JSON.parse(formatReport(REPORT, "json")), rounded)
  const [names, values, end] = formatReport(REPORT, "csv").split("\n")
  assert.deepEqual([names, values, end], [Object.keys(rounded).join(), Object.values(rounded).join(), ""])
})
