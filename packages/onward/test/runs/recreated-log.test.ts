import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { createRuns, type Runs } from "../../src/runs/index.ts"
import { createClock } from "../../src/testing/index.ts"
import { lines } from "./lines.ts"
import { itemsOf, textOf } from "./text-of.ts"

/** A log that is recreated without its entries, as a Redis that restarts without a file: before and after calls with these numbers, or by `recreate`. */
function recreatedLog(moments: readonly number[] = []) {
  let inner = memoryLog()
  const wakes = new Set<Parameters<Log["watch"]>[0]>()
  let calls = 0

  function recreate(): void {
    inner = memoryLog()
    for (const wake of wakes) wake()
  }

  /** Makes a call, whose result can be of the log before. */
  async function count<T>(call: () => Promise<T>): Promise<T> {
    const number = calls++
    if (moments.includes(number * 2)) recreate()
    const result = await call()
    if (moments.includes(number * 2 + 1)) recreate()
    return result
  }

  const log: Log = {
    append: (messages) =>
      count(async () => {
        const appended = await inner.append(messages)
        for (const wake of wakes) wake(appended.positions.at(-1))
        return appended
      }),
    read: (query) => count(() => inner.read(query)),
    bounds: () => count(() => inner.bounds()),
    locate: (landmark) => count(() => inner.locate(landmark)),
    async watch(wake) {
      wakes.add(wake)
      return async () => void wakes.delete(wake)
    },
    close: async () => {},
  }
  return { log, recreate, calls: () => calls }
}

async function* words(): AsyncGenerator<string> {
  yield "Once "
  yield "upon"
}

async function startAndWatch(runs: Runs<string>): Promise<string> {
  const { isNew } = await runs.start("a", words)
  assert.equal(isNew, true)
  return textOf(runs.attach("a"))
}

test("a run is complete for the process that starts it, whenever the log is recreated meanwhile, once or twice", async () => {
  const { log, calls } = recreatedLog()
  await using first = createRuns({ log, format: lines })
  await startAndWatch(first)
  const count = calls() * 2
  assert.ok(count > 8)
  const pairs = Array.from({ length: count * 4 }, (_, at) => [at >> 2, (at >> 2) + (at % 4)] as const)
  const told = pairs.map(async (moments) => {
    await using runs = createRuns({ log: recreatedLog(moments).log, format: lines, onError: () => {} })
    const text = await startAndWatch(runs).catch((error: unknown) => String(error))
    return `${moments.join()}: ${text}`
  })
  assert.deepEqual(
    await Promise.all(told),
    pairs.map((moments) => `${moments.join()}: Once upon[completed]`),
  )
})

test("a log that does not keep the start of a run is unavailable, and the run is not expired", async () => {
  const { log } = recreatedLog()
  const appended: number[] = []
  const forgetful: Log = {
    ...log,
    append(messages) {
      appended.push(messages.length)
      return memoryLog().append(messages)
    },
  }
  await using runs = createRuns({ log: forgetful, format: lines, onError: () => {} })
  await assert.rejects(runs.start("a", words), { code: "log_unavailable", retryable: true })
  assert.ok(appended.length > 1 && appended.length < 10)
})

test("a log that loses everything after each append ends a run as failed", async () => {
  const { log, recreate } = recreatedLog()
  const forgetful: Log = { ...log, append: (messages) => log.append(messages).finally(recreate) }
  await using runs = createRuns({ log: forgetful, format: lines, onError: () => {} })
  await runs.start("a", words)
  assert.match(await textOf(runs.attach("a")), /^(?:Once )?(?:upon)?\[failed log_unavailable\]$/)
})

test("after the log was recreated, a run goes on for viewers of its process, is whole for later ones everywhere, and can be stopped", async () => {
  const clock = createClock()
  const { log, recreate } = recreatedLog()
  await using runs = createRuns({ log, format: lines, clock })
  await using elsewhere = createRuns({ log, format: lines, clock })
  // together more than one append holds
  const large = "x".repeat(150_000)
  await runs.start("a", async function* () {
    for (;;) {
      yield `${large}\n`
      await new Promise<void>((resolve) => clock.after(1_000, resolve))
    }
  })
  const here = itemsOf(runs.attach("a", { merge: false }))
  const there = textOf(elsewhere.attach("a"))
  await clock.pass(9_500)
  recreate()
  await clock.pass(10_000)
  assert.match(await there, /\[lost log_unavailable\]$/)
  const later = [runs, elsewhere].map((each) => itemsOf(each.attach("a", { merge: false })))
  await clock.settle()
  assert.equal(await elsewhere.stop("a"), "stopped")
  await clock.settle()
  const all = [await here, ...(await Promise.all(later))]
  for (const items of all) {
    const frames = items.map(({ frame }) => frame).filter((frame) => frame !== undefined)
    assert.deepEqual(frames, [...Array.from({ length: 20 }, () => `${large}\n`), "[stopped]"])
    assert.ok(items.every(({ id }) => id !== undefined))
  }
  // an id of the log before is valid where the run is
  const [, second] = all[0] as { id?: string }[]
  const rest = await itemsOf(runs.attach("a", { lastEventId: second?.id as string })).catch(
    ({ code }) => code as string,
  )
  assert.equal(rest, "invalid_start", "the run is over, so its process reads it from the log")
})

test("a process does not look for the runs of a log that was recreated", async () => {
  const clock = createClock()
  const { log, recreate, calls } = recreatedLog()
  await using watching = createRuns({ log, format: lines, clock })
  await watching.status("b")
  const producing = createRuns({ log, format: lines, clock })
  await producing.start("a", () => new Promise<never>(() => {}))
  await clock.pass(1_000)
  log.append = async () => Promise.reject(new Error("the producer's process is gone"))
  await producing.close()
  recreate()
  await clock.pass(100_000)
  const before = calls()
  await clock.pass(1_000_000)
  assert.equal(calls(), before)
})
