import assert from "node:assert/strict"
import { test } from "node:test"
import { createClock } from "onward/testing"
import type { Part } from "../../src/runs/format.ts"
import { createMeter } from "../../src/runs/metrics.ts"

const text = (delta: string): Part[] => [{ type: "text", delta }]
const alone = (): { viewers: number; resumes: number } => ({ viewers: 0, resumes: 0 })

test("a run's rate is its tokens by the time between its first and its last text, and its gaps are those between texts", async () => {
  const clock = createClock()
  const meter = createMeter(clock, alone)
  await clock.pass(500)
  assert.equal(meter.read().ttft, undefined)
  assert.equal(meter.take(text("")), false, "an empty text is no token")
  assert.equal(meter.take(text("a")), true)
  for (let i = 1; i <= 100; i++) {
    await clock.pass(i)
    assert.equal(meter.take(text("b")), false)
  }
  await clock.pass(1_000)
  const { ttft, duration, tokens, counted, rate, gaps } = meter.read()
  assert.deepEqual(
    { ttft, duration, tokens, counted, rate },
    {
      ttft: 500,
      duration: 500 + 5_050 + 1_000,
      tokens: 101,
      counted: "frames",
      rate: 20,
    },
  )
  assert.deepEqual(gaps, { p50: 51, p95: 96, p99: 100 })
})

test("a run with one text has no rate and no gaps, and its provider's count of tokens is used", async () => {
  const clock = createClock()
  const meter = createMeter(clock, () => ({ viewers: 2, resumes: 1 }))
  assert.deepEqual([meter.read().rate, meter.read().gaps, meter.read().tokens], [undefined, undefined, 0])
  await clock.pass(10)
  meter.take([{ type: "usage", usage: { input: 3 } }, ...text("a")])
  assert.deepEqual([meter.read().counted, meter.read().tokens], ["frames", 1])
  meter.take([{ type: "usage", usage: { output: 7 } }])
  meter.viewers++
  const { rate, gaps, tokens, counted, viewers, resumes } = meter.read()
  assert.deepEqual(
    { rate, gaps, tokens, counted, viewers, resumes },
    {
      rate: undefined,
      gaps: undefined,
      tokens: 7,
      counted: "usage",
      viewers: 3,
      resumes: 1,
    },
  )
  assert.deepEqual(meter.usage, { input: 3, output: 7 })
})

test("of a run with very many gaps, 4,096 are kept: later ones replace random ones", async () => {
  const gapsOf = (random: () => number) => {
    const clock = createClock()
    clock.random = random
    let now = 0
    clock.monotonic = () => now
    const meter = createMeter(clock, alone)
    meter.take(text("a"))
    for (let i = 0; i < 4_096; i++) {
      now += 1
      meter.take(text("a"))
    }
    for (let i = 0; i < 4_096; i++) {
      now += 1_000
      meter.take(text("a"))
    }
    return meter.read().gaps
  }
  assert.deepEqual(
    gapsOf(() => 0.999),
    { p50: 1, p95: 1, p99: 1 },
  )
  let at = 0
  // each place once
  assert.deepEqual(
    gapsOf(() => at / (4_097 + at++)),
    { p50: 1_000, p95: 1_000, p99: 1_000 },
  )
})

test("any text of a part is a token, once per frame, and the rate has one decimal", async () => {
  const clock = createClock()
  const meter = createMeter(clock, alone)
  assert.equal(meter.take([{ type: "start" }, { type: "tool-start", id: "a", name: "b" }]), false)
  assert.equal(meter.take([{ type: "reasoning", delta: "a" }]), true)
  await clock.pass(100)
  meter.take([{ type: "tool-input", id: "a", delta: "b" }])
  await clock.pass(200)
  meter.take([...text("a"), ...text("b"), ...text("")])
  assert.deepEqual([meter.read().tokens, meter.read().rate], [3, 10])
  await clock.pass(6)
  meter.take(text("a"))
  assert.equal(meter.read().rate, 13.1)
  assert.deepEqual(meter.read().gaps, { p50: 100, p95: 200, p99: 200 })
})
