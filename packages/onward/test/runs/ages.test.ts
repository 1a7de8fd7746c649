import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub, internalsOf } from "../../src/hub/index.ts"
import { memoryLog } from "../../src/log/index.ts"
import { createAges } from "../../src/runs/ages.ts"
import { createClock } from "../../src/testing/index.ts"
import { faultyLog, unavailable } from "../hub/faulty-log.ts"

/** Ages of a log whose entries have the times that the test says. */
function stage() {
  const clock = createClock()
  const log = faultyLog(memoryLog({ clock }))
  const hub = createHub({ log, clock })
  const internals = internalsOf(hub)
  const ages = createAges(internals, clock)
  const arrive = (time: number) =>
    internals.context.tailListeners.arrive({ topic: "a", data: "", position: "life0000~11", time })
  return { clock, log, hub, ages, arrive, append: () => internals.append([{ topic: "a", data: "" }]) }
}

test("an entry's age is the time that has passed since, and 0 before it is known", async () => {
  const { clock, hub, ages, append } = stage()
  const start = clock.now()
  assert.equal(ages.of(start), 0)
  await append()
  await ages.ready()
  await clock.pass(500)
  assert.equal(ages.of(start), 500)
  await clock.pass(500)
  assert.equal(ages.of(start), 1_000)
  assert.equal(ages.of(start + 400), 600)
  await hub.close()
})

test("of an empty log, ages are counted by the wall clock", async () => {
  const { clock, hub, ages } = stage()
  await ages.ready()
  await clock.pass(70)
  assert.equal(ages.of(clock.now() - 70), 70)
  await hub.close()
})

test("a wall clock ahead of the log makes no entry older", async () => {
  const { clock, hub, ages, append } = stage()
  await append()
  await clock.pass(7)
  await append()
  const time = clock.now()
  clock.setTime(time + 86_400_000)
  await ages.ready()
  await clock.pass(10)
  assert.equal(ages.of(time), 10)
  await hub.close()
})

test("a difference of up to a minute is drift, and a larger one is a step, forwards and back", async () => {
  for (const [step, age] of [
    [60_000, 40_000],
    [60_001, 100_000],
    [-60_000, 160_000],
    [-60_001, 100_000],
  ] as const) {
    const { clock, hub, ages, arrive } = stage()
    await clock.pass(50_000)
    await ages.ready()
    const time = clock.now()
    await clock.pass(1_000)
    arrive(time + 1_000 + step)
    await clock.pass(100_000)
    assert.equal(ages.of(time + 1_000 + step), age, `${step}`)
    await hub.close()
  }
})

test("an entry from before a step is as old as the step at least, and one after it is not older", async () => {
  const { clock, hub, ages, arrive } = stage()
  await ages.ready()
  const time = clock.now()
  await clock.pass(1_000)
  // three minutes, which only the log's clock has counted
  arrive(time + 181_000)
  await clock.pass(1_000)
  assert.equal(ages.of(time), 2_000)
  assert.equal(ages.of(time - 5_000), 7_000)
  assert.equal(ages.of(time + 100_000), 1_000)
  assert.equal(ages.of(time + 181_000), 1_000)
  assert.equal(ages.of(time + 181_400), 600)
  // and back to a time before the first: what was later is no longer valid
  arrive(time - 100_000)
  await clock.pass(1_000)
  assert.equal(ages.of(time), 1_000 - 100_000)
  await hub.close()
})

test("while a log's time stands still or is set back, no entry is too old", async () => {
  for (const [step, age, before] of [
    [0, 10, 11],
    [100_000, 10, 100_010],
  ] as const) {
    const { clock, hub, ages, arrive } = stage()
    await ages.ready()
    const time = clock.now()
    await clock.pass(300_000)
    arrive(time + step)
    await clock.pass(10)
    assert.equal(ages.of(time + step), age)
    assert.equal(ages.of(time + step - 1), step === 0 ? before : 200_011)
    await hub.close()
  }
})

test("an entry that arrives before ages are ready begins them", async () => {
  const { clock, hub, ages, arrive } = stage()
  const time = clock.now()
  arrive(time - 500)
  await clock.pass(10)
  await ages.ready()
  assert.equal(ages.of(time - 500), 10)
  await hub.close()
})

test("the last 16 steps are kept", async () => {
  const { clock, hub, ages, arrive } = stage()
  await ages.ready()
  const time = clock.now()
  const day = 86_400_000
  for (let step = 1; step <= 16; step++) {
    await clock.pass(1_000)
    arrive(time + step * day)
  }
  await clock.pass(1_000)
  // the first era is dropped: its entries count as those before the second
  assert.equal(ages.of(time + day), 16_000)
  assert.equal(ages.of(time + 2 * day), 15_000)
  assert.equal(ages.of(time), 16_000 + day)
  await hub.close()
})

test("a log that is unavailable is asked again by the next caller, and once by callers at the same time", async () => {
  const { clock, log, hub, ages } = stage()
  await clock.settle()
  log.failure = unavailable
  await assert.rejects(ages.ready(), unavailable)
  log.failure = undefined
  const { locate } = log.calls
  await Promise.all([ages.ready(), ages.ready()])
  await ages.ready()
  assert.equal(log.calls.locate, locate + 1)
  await hub.close()
})

test("ages that are stopped take no further times", async () => {
  const { clock, hub, ages, arrive } = stage()
  await ages.ready()
  const time = clock.now()
  ages.stop()
  arrive(time + 86_400_000)
  await clock.pass(5)
  assert.equal(ages.of(time + 86_400_000), 5 - 86_400_000)
  await hub.close()
})
