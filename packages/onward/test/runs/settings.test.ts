import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub } from "../../src/hub/index.ts"
import { memoryLog } from "../../src/log/index.ts"
import type { RunsOptions } from "../../src/runs/options.ts"
import { createRuns } from "../../src/runs/index.ts"
import { resolveOptions } from "../../src/runs/settings.ts"
import { createClock } from "../../src/testing/index.ts"
import { lines } from "./lines.ts"

test("runs have the defaults of the reference, and the clock of their hub", async () => {
  const clock = createClock()
  await using hub = createHub({ clock })
  const { internals: _, formats, onError: report, ...settings } = resolveOptions({ hub, format: lines, formats: [] })
  assert.equal(typeof report, "function")
  assert.deepEqual(settings, {
    reader: undefined,
    clock,
    format: lines,
    prefix: "run/",
    requireStored: false,
    observe: undefined,
    waitUntil: undefined,
    lease: 10_000,
    retention: 600_000,
    heartbeat: 15_000,
    maxDuration: Infinity,
    storeTimeout: 30_000,
    flush: { interval: 20, maxChars: 4_096 },
    maxChars: 134_217_728,
    maxFrames: 500_000,
  })
  assert.deepEqual([...formats], [["lines", lines]])
  assert.equal(resolveOptions({ hub, format: lines, flush: { interval: 5 } }).flush.maxChars, 4_096)
  assert.equal(resolveOptions({ hub, format: lines, flush: { maxChars: 5 } }).flush.interval, 20)
})

test("sizes that are not numbers are programming errors, because a limit of NaN is never reached", () => {
  const wrong = [Number.NaN, -1, "5", null]
  for (const value of wrong as number[]) {
    for (const options of [
      { maxChars: value },
      { maxFrames: value },
      { flush: { interval: value } },
      { flush: { maxChars: value } },
    ]) {
      const message = new RegExp(
        `createRuns: .*${Object.keys(options.flush ?? options)[0]}\` must be a number, 0 or more`,
      )
      assert.throws(() => createRuns({ format: lines, ...options }), { name: "TypeError", message }, String(value))
    }
  }
})

test("options of runs that contradict each other, or have a wrong kind, are programming errors", async () => {
  await using hub = createHub()
  const mistakes: [options: Partial<RunsOptions<string>>, message: RegExp][] = [
    [{ hub, log: memoryLog() }, /was given `hub` and `log`/],
    [{ clock: {} as never }, /clock/],
    [{ observe: 1 as never }, /`observe` must be a function/],
    [{ onError: 1 as never }, /`onError` must be a function/],
    [{ waitUntil: 1 as never }, /`waitUntil` must be a function/],
    [{ requireStored: 1 as never }, /`requireStored` must be true or false/],
    ...(["lease", "retention", "heartbeat", "maxDuration", "storeTimeout"] as const).map(
      (name): [Partial<RunsOptions<string>>, RegExp] => [{ [name]: 0 }, new RegExp(`${name} must be a number`)],
    ),
  ]
  for (const [options, message] of mistakes) {
    assert.throws(() => createRuns({ format: lines, ...options }), { name: "TypeError", message }, String(message))
  }
})
