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

test("thousands of runs are each written once, however long the timer runs", async () => {
  const clock = createClock()
  const timer = createFlushTimer(clock, turnsOf(clock), 20)
  const written: number[] = []
  for (let n = 0; n < 3_000; n++) {
    timer.add(() => written.push(n))
    if (n % 100 === 0) await clock.pass(1)
  }
  await clock.pass(20)
  assert.deepEqual(written, [...Array(3_000).keys()])
  assert.equal(clock.timers, 0)
})

test("a run that is undone while it waits holds up no other, and is never written", async () => {
  const clock = createClock()
  const timer = createFlushTimer(clock, turnsOf(clock), 20)
  const written: string[] = []
  const told = (): string => written.join("")
  const undo = timer.add(() => written.push("a"))
  await clock.pass(5)
  timer.add(() => written.push("b"))
  undo()
  await clock.pass(15)
  assert.equal(told(), "")
  await clock.pass(5)
  assert.equal(told(), "b")
  undo()
  await clock.pass(100)
  assert.equal(told(), "b")
  timer.add(() => written.push("c"))
  await clock.pass(20)
  assert.equal(told(), "bc")
})
