import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { systemClock, type Clock } from "../../src/clock.ts"
import { createHub } from "../../src/hub/index.ts"
import { createRuns } from "../../src/runs/index.ts"
import { Pump } from "../../src/server/pump.ts"
import { Recorder } from "../hub/recorder.ts"
import { lines } from "./lines.ts"

/** A machine on which each look at the clock takes a millisecond, so that every loop runs out of its time. */
function slowMachine(): Clock {
  let now = 0
  return { ...systemClock, monotonic: () => now++ }
}

/** Counts the turns of the event loop that others get. */
function heartbeat(t: TestContext): { readonly beats: number } {
  const heart = { beats: 0 }
  let isOver = false
  const beat = (): void => {
    heart.beats++
    if (!isOver) setImmediate(beat)
  }
  setImmediate(beat)
  t.after(() => {
    isOver = true
  })
  return heart
}

test("a viewer of a long run yields to the event loop, and receives all of it", async (t) => {
  const hub = createHub({ clock: slowMachine() })
  t.after(() => hub.close())
  await using runs = createRuns({ hub, format: lines })
  const words = Array.from({ length: 5_000 }, (_, i) => `${i} `)
  await runs.start("a", async function* () {
    yield* words
  })
  const heart = heartbeat(t)
  let text = ""
  for await (const { frame } of runs.attach("a")) text += frame
  assert.ok(text.startsWith(words.join("")), `${text.length} characters`)
  assert.ok(heart.beats > 10, `${heart.beats} turns`)
})

test("a source that never waits yields to the event loop, although its client reads everything", async (t) => {
  const heart = heartbeat(t)
  let yielded = 0
  const recorder = new Recorder()
  const iterator = (async function* () {
    while (yielded < 2_000) yield String(yielded++)
  })()
  const pump = new Pump(
    recorder,
    { iterator, first: iterator.next(), controller: undefined, reasons: () => [] },
    {
      onError: assert.ifError,
      heartbeat: 15_000,
      stallTimeout: 60_000,
      end: true,
      signal: undefined,
      clock: slowMachine(),
    },
  )
  await pump.run()
  assert.equal(yielded, 2_000)
  assert.ok(heart.beats > 100, `${heart.beats} turns`)
})
