import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { createRuns, type Runs } from "../../src/runs/index.ts"
import { createClock, type TestClock } from "../../src/testing/index.ts"
import { lines } from "./lines.ts"

const HOUR = 3_600_000
const DAY = 24 * HOUR
const RETAIN = 600_000

async function* told(): AsyncGenerator<string> {
  yield "Once upon a time"
}

/** A log that stays open when runs on it are closed. */
const shared = (log: Log): Log => ({ ...log, close: async () => {} })

const open = (log: Log, clock: TestClock): Runs<string> =>
  createRuns({ log: shared(log), format: lines, clock, retention: RETAIN })

async function tell(runs: Runs<string>, id: string): Promise<void> {
  await (await runs.start(id, told)).ended()
}

const statusOf = async (runs: Runs<string>, id: string): Promise<string> => (await runs.status(id)).status

for (const step of [-DAY, -HOUR, HOUR, DAY, 365 * DAY]) {
  test(`a run can be read for its whole retention when the wall clock is set by ${step / HOUR} hours`, async () => {
    const clock = createClock()
    await using runs = open(memoryLog({ clock }), clock)
    await tell(runs, "before")
    await clock.pass(RETAIN / 2)
    clock.setTime(clock.now() + step)
    assert.equal(await statusOf(runs, "before"), "completed")
    await tell(runs, "after")
    assert.equal(await statusOf(runs, "before"), "completed")
    await clock.pass(RETAIN / 2)
    assert.equal(await statusOf(runs, "before"), "completed")
    assert.equal(await statusOf(runs, "after"), "completed")
    await clock.pass(1)
    // while a log's time stands still, as a clock that was set back lets it, its runs are kept for longer
    if (step > 0) assert.equal(await statusOf(runs, "before"), "expired")
    await clock.pass(RETAIN)
    assert.equal(await statusOf(runs, "after"), "expired")
  })

  test(`a process whose wall clock is ${step / HOUR} hours off reports the same state of a run as others`, async () => {
    const right = createClock()
    const wrong = createClock({ now: right.now() + step })
    const log = memoryLog({ clock: right })
    await using runs = open(log, right)
    await tell(runs, "a")
    await using others = open(log, wrong)
    assert.equal(await statusOf(others, "a"), "completed")
    await right.pass(RETAIN / 2)
    await wrong.pass(RETAIN / 2)
    await tell(runs, "b")
    await right.pass(RETAIN / 2 + 1)
    await wrong.pass(RETAIN / 2 + 1)
    assert.equal(await statusOf(others, "b"), "completed")
    if (step > 0) for (const each of [runs, others]) assert.equal(await statusOf(each, "a"), "expired")
    await right.pass(RETAIN)
    await wrong.pass(RETAIN)
    for (const each of [runs, others]) assert.equal(await statusOf(each, "b"), "expired")
  })
}

test("a process that opens a log a day later reports its runs, until their retention ends", async () => {
  const clock = createClock()
  const log = memoryLog({ clock })
  const before = open(log, clock)
  await tell(before, "a")
  await before.close()
  await clock.pass(DAY)
  await using runs = open(log, clock)
  await statusOf(runs, "a")
  await clock.pass(RETAIN + 1)
  assert.equal(await statusOf(runs, "a"), "expired")
})

test("a log that is stopped for a time and continues does not make its runs older", async () => {
  const clock = createClock()
  await using runs = open(memoryLog({ clock }), clock)
  await tell(runs, "a")
  await clock.pass(DAY)
  await tell(runs, "b")
  assert.equal(await statusOf(runs, "a"), "expired")
  assert.equal(await statusOf(runs, "b"), "completed")
})
