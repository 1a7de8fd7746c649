import assert from "node:assert/strict"
import { test } from "node:test"
import { createQuota } from "../src/quota.ts"

const KIB = 1_024

test("a body with too little progress in ten seconds is refused, and one with progress is not", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] })
  let now = 0
  const quota = createQuota({ totalBytes: 1_024 * KIB, shareBytes: 1_024 * KIB, now: () => now })
  const refused: string[] = []
  const open = (name: string) => quota.open("a", ({ status, code }) => refused.push(`${name} ${status} ${code}`))
  const [dripping, moving, whole] = [open("dripping"), open("moving"), open("whole")]
  whole.settle()
  for (let seconds = 1; seconds <= 20; seconds++) {
    dripping.take(1)
    moving.take(2 * KIB)
    now += 1_000
    t.mock.timers.tick(1_000)
    assert.deepEqual(refused, seconds < 10 ? [] : ["dripping 408 body_stalled"], `after ${seconds} s`)
    if (seconds >= 10) dripping.release()
  }
  moving.release()
  whole.release()
})

test("when a caller's share is full, its own stalled bodies are dropped, and no other caller's", () => {
  let now = 0
  const quota = createQuota({ totalBytes: 100 * KIB, shareBytes: 40 * KIB, now: () => now })
  const refused: string[] = []
  const open = (caller: string, name: string) => quota.open(caller, () => refused.push(name))
  const other = open("b", "other")
  other.take(14 * KIB)
  open("a", "first").take(20 * KIB)
  open("a", "second").take(20 * KIB)
  const early = open("a", "too soon")
  assert.throws(() => early.take(1), { status: 429, code: "too_many_bodies" })
  early.release()
  now += 1_000
  const next = open("a", "next")
  next.take(30 * KIB)
  assert.deepEqual(refused, ["first", "second"])
  other.take(16 * KIB)
  // the others' room is theirs, and what is left of it is all callers'
  open("c", "third").take(30 * KIB)
  assert.throws(() => open("d", "fourth").take(11 * KIB), { status: 503, code: "busy" })
})

test("a complete body is not refused, however long its handling takes", () => {
  let now = 0
  const quota = createQuota({ totalBytes: 10, shareBytes: 10, now: () => now })
  const whole = quota.open("a", () => assert.fail("was refused"))
  whole.take(10)
  whole.settle()
  now += 1_000_000
  assert.throws(() => quota.open("a", () => {}).take(1), { status: 429 })
})

test("after all bodies are released, in any order and twice too, the quota is empty", () => {
  const quota = createQuota({ totalBytes: 10_000, shareBytes: 10_000 })
  const accounts = Array.from({ length: 10 }, () => quota.open("a", () => {}))
  for (let round = 0; round < 100; round++) {
    for (const account of accounts) account.take(10)
  }
  for (const account of accounts.toReversed()) account.release()
  for (const account of accounts) account.release()
  const last = quota.open("a", () => {})
  last.take(10_000)
  assert.throws(() => last.take(1))
})

test("a caller's share counts a body that has not begun when another one is released", () => {
  const quota = createQuota({ totalBytes: 100, shareBytes: 40 })
  const early = quota.open("a", () => {})
  const short = quota.open("a", () => {})
  short.take(10)
  short.release()
  early.take(30)
  assert.throws(() => quota.open("a", () => {}).take(11), { status: 429 })
})

test("as many stalled bodies of other callers are dropped as a new one needs room", () => {
  let now = 0
  const quota = createQuota({ totalBytes: 100, shareBytes: 100, now: () => now })
  const refused: string[] = []
  for (const caller of ["a", "b", "c"]) quota.open(caller, () => refused.push(caller)).take(30)
  now += 1_000
  quota.open("d", () => {}).take(70)
  assert.deepEqual(refused, ["a", "b"])
})

test("no timer runs once all bodies are complete, released or refused", (t) => {
  const timers = new Set<unknown>()
  const [start, stop] = [setInterval, clearInterval]
  t.mock.method(globalThis, "setInterval", (...given: Parameters<typeof setInterval>) => {
    const timer = start(...given)
    timers.add(timer)
    return timer
  })
  t.mock.method(globalThis, "clearInterval", (timer: NodeJS.Timeout) => {
    stop(timer)
    timers.delete(timer)
  })
  let now = 0
  const quota = createQuota({ totalBytes: 100, shareBytes: 100, stallTimeout: 10, now: () => now })
  return new Promise<void>((resolve, reject) => {
    quota.open("a", () => {}).settle()
    quota.open("b", () => {}).release()
    quota.open("c", () => {
      // the timer looks once more
      setTimeout(() => (timers.size === 0 ? resolve() : reject(new Error(`${timers.size} timers are left`))), 20)
    })
    assert.equal(timers.size, 1)
    now += 1_000
  })
})
