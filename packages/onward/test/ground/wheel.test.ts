import assert from "node:assert/strict"
import { test } from "node:test"
import { TimerWheel, type Beating } from "../../src/timer-wheel.ts"
import { createClock } from "../../src/testing/index.ts"

/** Counts its visits, and says each time to come again after `every` milliseconds. */
class Member implements Beating {
  slot = 0
  readonly visits: number[] = []
  every: number

  constructor(every: number) {
    this.every = every
  }

  beat(now: number): number {
    this.visits.push(now)
    return this.every
  }
}

test("members are visited when they requested it, up to half a second early, never late", async () => {
  const clock = createClock()
  const start = clock.monotonic()
  const wheel = new TimerWheel(clock)
  const members = [500, 1_000, 2_400, 15_000, 63_000].map((every) => new Member(every))
  for (const member of members) wheel.add(member, member.every)
  await clock.pass(130_000)
  for (const { every, visits } of members) {
    let before = start
    assert.ok(
      visits.length >= Math.floor(130_000 / every),
      `one that waits ${every} ms was visited ${visits.length} times`,
    )
    for (const visit of visits) {
      assert.ok(visit - before <= every && visit - before > every - 500, `${visit - before} ms instead of ${every}`)
      before = visit
    }
  }
})

test("a wait shorter than a tick takes one tick, and one longer than the ring is visited early", async () => {
  const clock = createClock()
  const wheel = new TimerWheel(clock, { slots: 8 })
  const short = new Member(1)
  const long = new Member(1_000_000)
  wheel.add(short, 1)
  wheel.add(long, 1_000_000)
  await clock.pass(3_500)
  assert.equal(short.visits.length, 7)
  assert.equal(long.visits.length, 1)
})

test("there is one timer for any number of members, and none without members", async () => {
  const clock = createClock()
  const wheel = new TimerWheel(clock)
  assert.equal(clock.timers, 0)
  const members = Array.from({ length: 1_000 }, (_, i) => new Member(500 + i * 10))
  for (const member of members) wheel.add(member, member.every)
  assert.equal(clock.timers, 1)
  assert.equal(wheel.size, 1_000)
  assert.equal([...wheel.members()].length, 1_000)
  await clock.pass(20_000)
  assert.equal(clock.timers, 1)
  for (const member of members) wheel.delete(member)
  assert.equal(wheel.size, 0)
  assert.equal(clock.timers, 0)
})

test("a removed member is not visited, also when it is removed during a tick", async () => {
  const clock = createClock()
  const wheel = new TimerWheel(clock)
  const victim = new Member(1_000)
  const suicidal = new (class extends Member {
    override beat(now: number): number {
      wheel.delete(this)
      wheel.delete(victim)
      return super.beat(now)
    }
  })(1_000)
  wheel.add(suicidal, 1_000)
  wheel.add(victim, 1_000)
  await clock.pass(10_000)
  assert.equal(suicidal.visits.length, 1)
  assert.equal(victim.visits.length, 0)
  assert.equal(wheel.size, 0)
  assert.equal(clock.timers, 0)
  wheel.delete(victim)
  assert.equal(wheel.size, 0, "leaving twice counts once")
})

test("a member that is added during a tick is visited in its time", async () => {
  const clock = createClock()
  const wheel = new TimerWheel(clock)
  const late = new Member(1_000)
  const host = new (class extends Member {
    override beat(now: number): number {
      if (this.visits.length === 0) wheel.add(late, late.every)
      return super.beat(now)
    }
  })(500)
  wheel.add(host, 500)
  await clock.pass(3_500)
  assert.equal(late.visits.length, 3)
})

test("late timers do not add up: in a busy process long waits are late by about a tick", async () => {
  const clock = createClock()
  const wheel = new TimerWheel({ ...clock, after: (delay, run) => clock.after(delay + 45, run) })
  const start = clock.monotonic()
  const member = new Member(60_000)
  wheel.add(member, 60_000)
  await clock.pass(60_600)
  assert.equal(member.visits.length, 1)
  assert.ok((member.visits[0] as number) - start >= 59_500)
})

test("after a standstill every due member is visited once, and waits its time again", async () => {
  const clock = createClock()
  let standstill = 0
  const wheel = new TimerWheel({
    ...clock,
    after(delay, run) {
      const late = standstill
      standstill = 0
      return clock.after(delay + late, run)
    },
  })
  const members = [1_000, 5_000, 30_000, 63_000, 63_900].map((every) => new Member(every))
  for (const member of members) wheel.add(member, member.every)
  standstill = 40_000
  await clock.pass(41_000)
  assert.deepEqual(
    members.map(({ visits }) => visits.length),
    [1, 1, 1, 0, 0],
  )
  const counts = members.map(({ visits }) => visits.length)
  await clock.pass(30_000)
  for (const [i, { every, visits }] of members.entries()) {
    assert.ok(visits.length - (counts[i] as number) >= Math.floor(30_000 / every), `one that waits ${every} ms`)
    assert.ok(visits.length - (counts[i] as number) <= 30_000 / (every - 500) + 1, `one that waits ${every} ms`)
  }
})
