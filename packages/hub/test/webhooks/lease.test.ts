import assert from "node:assert/strict"
import { test } from "node:test"
import { createClock, type TestClock } from "onward/testing"
import { createLease, type Lease } from "../../src/webhooks/lease.ts"
import type { LeaseRecord } from "../../src/webhooks/record.ts"

interface Bench {
  readonly clock: TestClock
  readonly lease: Lease
  /** What it stored. */
  readonly stored: LeaseRecord[]
  /** What it told: that it delivers, or no longer, and each confirmation. */
  readonly told: (boolean | "confirmed")[]
  /** What storing gives; an error while the log is away. */
  answer: boolean | Error
}

/** A hub in a lease of ten seconds: it beats every 2.5 s, and waits ten to twelve seconds for a silent holder. */
function bench(random = 0): Bench {
  const clock = createClock()
  const self: Bench = {
    ...{ clock, stored: [], told: [], answer: true },
    lease: createLease({
      ...{ me: "me", timing: { ...clock, random: () => random }, lease: 10_000 },
      async append(record) {
        if (self.answer instanceof Error) throw self.answer
        self.stored.push(record)
        return self.answer
      },
      onChange: (isMine) => self.told.push(isMine),
      onConfirmed: () => self.told.push("confirmed"),
    }),
  }
  return self
}

test("the first hub claims the lease, and confirms it in each quarter", async () => {
  const { clock, lease, stored, told } = bench()
  assert.equal(lease.isMine, false)
  await clock.pass(0)
  assert.deepEqual([stored, told, lease.isMine], [[{ by: "me", term: 1 }], [true, "confirmed"], true])
  await clock.pass(5_000)
  assert.deepEqual([stored.length, told.slice(2)], [3, ["confirmed", "confirmed"]])
  assert.ok(stored.every(({ by, term }) => by === "me" && term === 1))
})

test("a hub whose log is away stops to deliver before another one may begin, and goes on when the log is back", async () => {
  const self = bench()
  await self.clock.pass(0)
  self.answer = new Error("away")
  await self.clock.pass(7_499)
  assert.equal(self.lease.isMine, true)
  await self.clock.pass(1)
  assert.deepEqual([self.lease.isMine, self.told.at(-1)], [false, false])
  self.answer = true
  await self.clock.pass(2_500)
  assert.deepEqual([self.lease.isMine, self.told.slice(-2)], [true, [true, "confirmed"]])
})

test("another hub takes over from a silent one after the lease, and not from one that beats", async () => {
  for (const [random, patience] of [
    [0, 10_000],
    [1, 12_000],
  ] as const) {
    const { clock, lease, stored, told } = bench(random)
    lease.hear({ by: "other", term: 4 })
    await clock.pass(9_000)
    lease.hear({ by: "other", term: 4 })
    await clock.pass(patience - 1)
    assert.deepEqual([stored, told], [[], []])
    await clock.pass(1)
    assert.deepEqual([stored, lease.isMine], [[{ by: "me", term: 5 }], true])
  }
})

test("a claim after that of another hub does not count, and an older record changes nothing", async () => {
  const self = bench()
  self.answer = false
  await self.clock.pass(0)
  assert.deepEqual([self.lease.isMine, self.told], [false, []])
  self.lease.hear({ by: "other", term: 1 })
  self.answer = true
  await self.clock.pass(10_000)
  assert.equal(self.lease.isMine, true)
  self.lease.hear({ by: "other", term: 1 })
  assert.equal(self.lease.isMine, true)
  self.lease.hear({ by: "other", term: 2 })
  assert.deepEqual([self.lease.isMine, self.told.at(-1)], [false, false])
})

test("a lease that is given up is free at once, and only its holder gives it up", async () => {
  const holder = bench()
  await holder.clock.pass(0)
  await holder.lease.release()
  assert.deepEqual(holder.stored.at(-1), { by: "me", term: 1, isReleased: true })
  assert.deepEqual([holder.lease.isMine, holder.told.at(-1), holder.clock.timers], [false, false, 0])
  const other = bench()
  other.lease.hear({ by: "other", term: 1 })
  await other.clock.pass(1_000)
  other.lease.hear({ by: "other", term: 1, isReleased: true })
  await other.clock.pass(2_500)
  assert.deepEqual(other.stored, [{ by: "me", term: 2 }])
  const idle = bench()
  idle.lease.hear({ by: "other", term: 1 })
  await idle.lease.release()
  await idle.clock.pass(60_000)
  assert.deepEqual([idle.stored, idle.told], [[], []])
})

test("a hub that was suspended waits as if it had heard half a lease less", async () => {
  const { clock, lease, stored } = bench()
  lease.hear({ by: "other", term: 1 })
  let elapsed = 0
  const suspended = createLease({
    ...{ me: "me", lease: 10_000, onChange() {}, onConfirmed() {} },
    timing: { ...clock, random: () => 0, monotonic: () => clock.monotonic() + elapsed },
    append: async (record) => stored.push(record) > 0,
  })
  suspended.hear({ by: "other", term: 1 })
  elapsed += 3_600_000
  await clock.pass(2_500)
  assert.deepEqual(stored, [])
  await suspended.release()
  await lease.release()
})
