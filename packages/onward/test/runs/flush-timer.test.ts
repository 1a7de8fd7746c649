import assert from "node:assert/strict"
import { test } from "node:test"
import { createFlushTimer } from "../../src/runs/flush-timer.ts"
import { createClock } from "../../src/testing/index.ts"
import { turnsOf } from "../../src/turns.ts"

test("runs share one timer, and each is written after the interval", async () => {
  const clock = createClock()
  const timer = createFlushTimer(clock, turnsOf(clock), 20)
  const written: string[] = []
  for (const name of ["a", "b"]) timer.add(() => written.push(name))
  const undo = timer.add(() => written.push("undone"))
  await clock.pass(10)
  timer.add(() => {
    written.push("c")
    timer.add(() => written.push("c again"))
  })
  undo()
  assert.equal(clock.timers, 1)
  await clock.pass(9)
  assert.deepEqual(written, [])
  await clock.pass(1)
  assert.deepEqual(written, ["a", "b"])
  await clock.pass(10)
  assert.deepEqual(written, ["a", "b", "c"])
  await clock.pass(20)
  assert.deepEqual(written, ["a", "b", "c", "c again"])
  assert.equal(clock.timers, 0)
})
