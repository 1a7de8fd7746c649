import assert from "node:assert/strict"
import { once } from "node:events"
import { join } from "node:path"
import { test } from "node:test"
import { text } from "node:stream/consumers"
import type { Appended, Entry } from "../../src/log/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { start } from "./program.ts"
import { temporaryFolder } from "./temporary-folder.ts"

interface Call extends Appended {
  readonly data: readonly string[]
}

test("several processes append to one file, and a follower in another receives every entry once and in order", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const programs = ["one", "two", "three"].map((name) => start("append-many", path, name, "40"))
  const outputs = programs.map((program) => text(program.stdout))
  const exits = Promise.all(programs.map((program) => once(program, "exit")))
  // created by whoever comes first
  const log = sqliteLog(path, { retention: {} })
  const { first: start_ } = await log.bounds()
  const seen: Entry[] = []
  let at = start_
  let isOver = false
  let wake = (): void => {}
  const stop = await log.watch(() => wake())
  void exits.then(() => {
    isOver = true
    wake()
  })
  for (;;) {
    const woken = new Promise<void>((resolve) => (wake = resolve))
    const wasOver = isOver
    const { entries, next, lost } = await log.read({ after: at, limit: 50 })
    assert.equal(lost, undefined)
    seen.push(...entries)
    const hasMoved = next !== at
    at = next
    if (hasMoved) continue
    if (wasOver) break
    await woken
  }
  await stop()
  for (const [code] of await exits) assert.equal(code, 0)

  const calls = (await Promise.all(outputs)).flatMap((output) => JSON.parse(output) as Call[])
  assert.equal(calls.length, 3 * 3 * 40)
  assert.equal(seen.length, calls.flatMap(({ data }) => data).length)
  const placeOf = new Map(seen.map(({ position }, place) => [position, place]))
  for (const { data, positions, previous, time } of calls) {
    const place = placeOf.get(positions[0] ?? "") ?? Number.NaN
    const entries = seen.slice(place, place + data.length)
    assert.deepEqual(
      entries.map((entry) => entry.data),
      data,
      "a call's entries lie together",
    )
    assert.deepEqual(
      entries.map(({ position }) => position),
      positions,
    )
    assert.equal(previous, seen[place - 1]?.position ?? start_, "`previous` counts other processes' entries in")
    for (const entry of entries) assert.equal(entry.time, time)
  }
  const times = seen.map(({ time }) => time)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
  await log.close()
})

test("a process ends by itself when no call is pending, with its appends acknowledged and without close", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const program = start("append-and-leave", path)
  const [code] = (await once(program, "exit")) as [number]
  assert.equal(code, 0)
  const log = sqliteLog(path)
  const { entries } = await log.read({ after: (await log.bounds()).first, limit: 10 })
  assert.deepEqual(
    entries.map(({ data }) => data),
    ["1", "2"],
  )
  await log.close()
})
