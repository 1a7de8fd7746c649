import assert from "node:assert/strict"
import { test } from "node:test"
import { sse } from "../../src/adapters/node.ts"
import { OnwardError } from "../../src/index.ts"
import { connect as connectTo, createClock } from "../../src/testing/index.ts"
import type { Recorder } from "./recorder.ts"
import { stage } from "./stage.ts"

const HOUR = 3_600_000
const STEPS = {
  "back 10 minutes": -600_000,
  "back a year": -365 * 24 * HOUR,
  "ahead an hour": HOUR,
  "ahead a year": 365 * 24 * HOUR,
}

for (const [how, step] of Object.entries(STEPS)) {
  test(`when the wall clock is set ${how}, heartbeats continue and no stream ends`, async () => {
    const { clock, connect, publish } = await stage({ heartbeat: 15_000, maxStreamAge: HOUR, stallTimeout: 60_000 })
    const idle = await connect({ topics: ["a"] })
    const full = await connect({ topics: ["b"] })
    await clock.pass(7_000)
    full.room = 1
    await publish("b", "1")
    clock.setTime(clock.now() + step)
    let written = idle.frames.length
    for (let i = 0; i < 4; i++) {
      await clock.pass(15_000)
      assert.ok(idle.frames.length > written, "a heartbeat")
      assert.ok(idle.frames.length <= written + 2, "and no more than there should be")
      written = idle.frames.length
      if (i < 3) assert.equal(full.closed, undefined, "what is full has its whole time")
    }
    await clock.pass(1_000)
    assert.equal(full.closed, "aborted", "and not more")
    await clock.pass(HOUR * 0.9 - 70_000)
    assert.equal(idle.closed, undefined)
    await clock.pass(HOUR * 0.1)
    assert.equal(idle.closed, "ended", "after its maxAge")
  })

  test(`when the wall clock is set ${how} during a drain, the drain takes its duration`, async () => {
    const { clock, connect, hub } = await stage()
    const clients: Recorder[] = []
    for (let i = 0; i < 100; i++) clients.push(await connect({ topics: ["a"] }))
    const left = (): number => clients.filter(({ closed }) => !closed).length
    const draining = hub.drain({ duration: 10_000 })
    await clock.pass(2_000)
    clock.setTime(clock.now() + step)
    await clock.pass(3_000)
    assert.ok(left() >= 45 && left() <= 55, `${left()} left at half time`)
    await clock.pass(5_100)
    assert.equal(left(), 0)
    await draining
  })

  test(`when the wall clock is set ${how}, a custom source has its heartbeats, and its stalled client its timeout`, async () => {
    const clock = createClock()
    const reader = await connectTo((req, res) =>
      sse(
        req,
        res,
        async function* ({ signal }) {
          yield { data: "1" }
          await new Promise((resolve) => signal.addEventListener("abort", resolve))
        },
        { clock, heartbeat: 15_000 },
      ),
    )
    await reader.next()
    clock.setTime(clock.now() + step)
    const before = reader.comments.length
    await clock.pass(60_000)
    const beats = reader.comments.length - before
    assert.ok(beats >= 4 && beats <= 5, `${beats} heartbeats in a minute`)
    await reader.cut()
  })
}

test("a problem with the store is reported once in ten seconds, also when the wall clock changes", async () => {
  const { clock, connect, errors, log } = await stage({ window: { maxEntries: 0, maxChars: 0 } })
  let tries = 0
  Object.assign(log, {
    locate: async () => {
      tries++
      throw new OnwardError("log_unavailable", "away")
    },
  })
  await connect({ topics: ["a"] }, { last: 1 })
  for (let i = 0; i < 20; i++) {
    clock.setTime(clock.now() + (i % 2 ? HOUR : -2 * HOUR))
    await clock.pass(1_000)
  }
  assert.ok(tries > 10)
  const reports = errors.filter((error) => (error as OnwardError).code === "log_unavailable")
  assert.ok(reports.length >= 2 && reports.length <= 3, `${reports.length} reports`)
})

const MINUTE = 60_000

for (const [step, how] of [
  [-10 * MINUTE, "600 s back"],
  [MINUTE + 1_000, "61 s ahead"],
  [24 * HOUR, "86400 s ahead"],
] as const) {
  test(`a wall clock that moves ${how} is reported once`, async () => {
    const { clock, connect, errors } = await stage()
    for (let i = 0; i < 100; i++) await connect({ topics: ["a"] })
    await clock.pass(MINUTE)
    clock.setTime(clock.now() + step)
    await clock.pass(500)
    assert.equal(errors.length, 1)
    const [error] = errors as [OnwardError]
    assert.equal(error.code, "clock_step")
    assert.ok(error.message.includes(how), error.message)
    await clock.pass(HOUR)
    assert.equal(errors.length, 1)
  })
}

test("a correction of the wall clock by at most a minute is not reported, also when repeated", async () => {
  const { clock, connect, errors } = await stage()
  await connect({ topics: ["a"] })
  for (let i = 0; i < 20; i++) {
    clock.setTime(clock.now() + MINUTE)
    await clock.pass(1_000)
  }
  assert.deepEqual(errors, [])
})

test("a wall clock that moved while a hub had no stream is reported with the next stream, and two moves as two", async () => {
  const { clock, connect, errors } = await stage()
  clock.setTime(clock.now() + HOUR)
  await clock.pass(MINUTE)
  assert.deepEqual(errors, [], "no stream, no timer")
  await connect({ topics: ["a"] })
  await clock.pass(500)
  assert.equal(errors.length, 1)
  await clock.pass(MINUTE)
  clock.setTime(clock.now() - HOUR)
  await clock.pass(500)
  assert.equal(errors.length, 2)
})

test("a wall clock that jumps each second is reported once in ten seconds", async () => {
  const { clock, connect, errors } = await stage()
  await connect({ topics: ["a"] })
  for (let i = 0; i < 40; i++) {
    clock.setTime(clock.now() + HOUR)
    await clock.pass(1_000)
  }
  assert.ok(errors.length >= 4 && errors.length <= 5, `${errors.length} reports`)
})
