import assert from "node:assert/strict"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { systemClock } from "../../src/clock.ts"
import type { Log } from "../../src/log/index.ts"
import { sqliteLog, type SqliteLogOptions } from "../../src/log/sqlite/index.ts"
import { createClock } from "../../src/testing/index.ts"
import { dataOf } from "./nats-stage.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const HOUR = 3_600_000
const DAY = 24 * HOUR

function open(t: TestContext, path: string, options: SqliteLogOptions): Log {
  const log = sqliteLog(path, { retention: { age: HOUR }, ...options })
  t.after(() => log.close())
  return log
}

const publish = (log: Log, data: string): Promise<unknown> => log.append([{ topic: "a", data }])

test("a process whose clock is a day ahead expires nothing in a file that it opens", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const right = open(t, path, {})
  await publish(right, "1")
  const ahead = open(t, path, { clock: { ...systemClock, now: () => Date.now() + DAY } })
  await ahead.trim?.()
  assert.deepEqual(await dataOf(ahead), ["1"])
  await publish(ahead, "2")
  await publish(ahead, "3")
  await ahead.trim?.()
  await publish(right, "4")
  await right.trim?.()
  await ahead.trim?.()
  for (const log of [right, ahead]) assert.deepEqual(await dataOf(log), ["1", "2", "3", "4"])
})

for (const step of [-DAY, -600_000, 600_000, 2 * HOUR, DAY]) {
  test(`a wall clock set by ${step / 60_000} minutes expires nothing in a file before its time`, async (t) => {
    const clock = createClock()
    const log = open(t, join(temporaryFolder(t), "events.db"), { clock })
    await publish(log, "1")
    await clock.pass(HOUR / 2)
    clock.setTime(clock.now() + step)
    await publish(log, "2")
    await log.trim?.()
    await clock.pass(HOUR / 2)
    await log.trim?.()
    assert.deepEqual(await dataOf(log), ["1", "2"])
    await clock.pass(1)
    await log.trim?.()
    // a clock that was set back keeps what is older for longer
    if (step > 0) assert.deepEqual(await dataOf(log), ["2"])
    await clock.pass(HOUR / 2 - 1)
    await log.trim?.()
    assert.equal((await dataOf(log)).at(-1), "2", "has its hour")
    await clock.pass(1 + Math.max(0, -step))
    await log.trim?.()
    assert.deepEqual(await dataOf(log), [], "and not more")
  })
}

test("entries that were too old when a file is opened after a pause are removed within the maximum age", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const clock = createClock()
  const before = open(t, path, { clock })
  await publish(before, "1")
  await before.close()
  // the monotonic clock of another process says nothing of this one's
  await clock.pass(DAY)
  const log = open(t, path, { clock })
  await publish(log, "2")
  await log.trim?.()
  assert.deepEqual(await dataOf(log), ["1", "2"])
  await clock.pass(HOUR + 1)
  // the first lets go what is from before the pause, and then the wall clock counts again
  await log.trim?.()
  await log.trim?.()
  assert.deepEqual(await dataOf(log), [])
})
