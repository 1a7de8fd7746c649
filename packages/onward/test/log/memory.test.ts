import assert from "node:assert/strict"
import { test } from "node:test"
import { systemClock } from "../../src/clock.ts"
import { createClock } from "../../src/testing/index.ts"
import { createKeptEntries } from "../../src/log/driver/kept-entries.ts"
import { limitsOf } from "../../src/log/driver/retention.ts"
import { memoryLog } from "../../src/log/index.ts"
import { logCases } from "../../src/log/suite/index.ts"
import { assertGivesBack } from "../garbage.ts"
import { SEED } from "./compare.ts"

const cases = logCases({
  seed: SEED,
  create: () => ({ open: memoryLog }),
  lacks: { sharing: "a memory log is its own store" },
})

for (const { name, skip, run } of cases) if (skip === undefined) test(name, run)

const message = (data: string) => ({ topic: "a", data })

test("watchers are called before the caller of append continues, once for all appends of a turn", async () => {
  const log = memoryLog()
  const order: string[] = []
  await log.watch(() => order.push("woken"))
  await Promise.all([1, 2].map((i) => log.append([message("")]).then(() => order.push(`appended ${i}`))))
  assert.deepEqual(order, ["woken", "appended 1", "appended 2"])
  await log.append([])
  assert.equal(order.length, 3, "nothing stored, nobody woken")
})

test("reads do not return entries that are too old, also without an append", async () => {
  const clock = createClock()
  const log = memoryLog({ retention: { age: 100 }, clock })
  const { positions } = await log.append([message("1")])
  await clock.pass(101)
  const { entries, lost } = await log.read({ after: (await log.bounds()).first, limit: 10 })
  assert.deepEqual(entries, [])
  assert.equal(lost, undefined, "`first` has moved past it")
  assert.deepEqual(await log.bounds(), { first: positions[0], last: positions[0] })
})

test("changing a message after it was appended does not change the entry", async () => {
  const log = memoryLog()
  const given = { topic: "a", data: "as given" }
  const { previous } = await log.append([given])
  given.data = "changed"
  assert.equal((await log.read({ after: previous, limit: 1 })).entries[0]?.data, "as given")
})

test("two memory logs have different epochs, unless they have the same `epoch` option", async () => {
  const { last } = await memoryLog().bounds()
  assert.equal((await memoryLog().read({ after: last, limit: 1 })).lost?.reason, "epoch")
  assert.deepEqual(await memoryLog({ epoch: "0000abcd" }).bounds(), { first: "0000abcd~10", last: "0000abcd~10" })
  assert.throws(() => memoryLog({ epoch: "short" }), TypeError)
})

test("by default a memory log keeps 100,000 entries and 64 MiB", async () => {
  const log = memoryLog()
  for (let i = 0; i < 101; i++) await log.append(Array.from({ length: 1000 }, () => message("")))
  const { first, last } = await log.bounds()
  assert.equal((await log.read({ after: first, limit: 200_000 })).entries.length, 100_000)
  for (let i = 0; i < 65; i++) await log.append([message("x".repeat(1024 * 1024 - 1))])
  assert.equal((await log.read({ after: last, limit: 200_000 })).entries.length, 64)
})

test("an invalid retention is a TypeError", () => {
  assert.throws(() => memoryLog({ retention: { count: -1 } }), /retention.count must be a number/)
  assert.throws(() => memoryLog({ retention: { topic: { bytes: Number.NaN } } }), /retention.topic.bytes/)
  assert.throws(
    () => memoryLog({ retention: { topic: { size: 1 } as object } }),
    /retention.topic has no option "size"/,
  )
})

test("setting the wall clock neither expires entries nor keeps them longer", async () => {
  for (const step of [-24 * 3_600_000, -600_000, 3_600_000, 365 * 24 * 3_600_000]) {
    const clock = createClock()
    const log = memoryLog({ clock, retention: { age: 3_600_000 } })
    const kept = async (): Promise<string[]> =>
      (await log.read({ after: (await log.bounds()).first, limit: 10 })).entries.map(({ data }) => data)
    await log.append([{ topic: "a", data: "1" }])
    await clock.pass(1_800_000)
    clock.setTime(clock.now() + step)
    await log.append([{ topic: "a", data: "2" }])
    assert.deepEqual(await kept(), ["1", "2"])
    await clock.pass(1_799_999)
    assert.deepEqual(await kept(), ["1", "2"])
    await clock.pass(2)
    assert.deepEqual(await kept(), ["2"], `after its hour, set by ${step}`)
    await clock.pass(1_800_000)
    assert.deepEqual(await kept(), [], `after its hour, set by ${step}`)
    await log.close()
  }
})

test("entries that grow too old together are removed over many turns, and calls meanwhile are answered in order", async () => {
  let now = 0
  let turns = 0
  // each look at the clock takes a millisecond, so that every loop runs out of its time
  const turn = (run: () => void): void => {
    turns++
    setImmediate(run)
  }
  const clock = { ...systemClock, monotonic: () => now++, turn }
  const log = memoryLog({ clock, retention: { age: 10_000 } })
  const first = await log.append(Array.from({ length: 20_000 }, (_, i) => ({ topic: `t${i}`, data: "", id: `${i}` })))
  turns = 0
  now = 20_000
  const order: string[] = []
  const calls = [
    log.bounds().then(({ first, last }) => order.push(first === last ? "nothing is kept" : "something is kept")),
    log.append([{ topic: "t5", data: "1", id: "5" }]).then(({ previous }) => {
      assert.equal(previous, first.positions.at(-1))
      order.push("appended 1")
    }),
    log.append([message("2")]).then(() => order.push("appended 2")),
  ]
  await Promise.all(calls)
  assert.deepEqual(order, ["nothing is kept", "appended 1", "appended 2"])
  assert.ok(turns >= 5, `${turns} turns`)
  assert.equal((await log.read({ after: (await log.bounds()).first, limit: 10 })).entries.length, 2)
})

test("a memory log that closes while it removes what is too old answers no call", async () => {
  let now = 0
  const log = memoryLog({ clock: { ...systemClock, monotonic: () => now }, retention: { age: 1_000 } })
  await log.append(Array.from({ length: 5_000 }, () => message("")))
  now = 5_000
  const read = assert.rejects(log.bounds(), { code: "log_closed" })
  await log.close()
  await read
})

test("entries that were removed from between kept ones leave no memory behind", async () => {
  const log = memoryLog({ retention: { topic: { count: 1 } } })
  await log.append([{ topic: "oldest", data: "" }])
  let made = 0
  await assertGivesBack(20_000, async () => {
    for (let i = 0; i < 20; i++)
      await log.append(Array.from({ length: 1_000 }, () => ({ topic: "busy", data: "", id: `id ${++made}` })))
  })
  await log.close()
})

test("entries that are too old are removed at most as many at once as requested", () => {
  const kept = createKeptEntries("life0000", limitsOf({ age: 10 }))
  kept.append(
    Array.from({ length: 5 }, () => ({ topic: "a", data: "" })),
    0,
  )
  assert.equal(kept.expireSome(11, 2), false)
  assert.equal(kept.entries().length, 3)
  assert.equal(kept.expireSome(11, 3), true)
  assert.equal(kept.entries().length, 0)
})
