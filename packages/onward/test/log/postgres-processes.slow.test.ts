import assert from "node:assert/strict"
import { text } from "node:stream/consumers"
import { test } from "node:test"
import { Pool } from "pg"
import type { Appended, Entry } from "../../src/log/index.ts"
import { postgresLog } from "../../src/log/postgres/index.ts"
import { postgresMissing, startPostgres } from "../stores/postgres.ts"
import { start } from "./program.ts"

interface Call extends Appended {
  readonly data: readonly string[]
}

test(
  "several processes append at once, and a follower receives all entries once, in the order of commits",
  { skip: postgresMissing ?? false },
  async (t) => {
    const server = await startPostgres()
    t.after(() => server.close())
    const programs = ["pg", "postgres", "pg"].map((client, i) =>
      start("append-to-postgres", server.url, client, `${i}`, "100"),
    )
    const outputs = Promise.all(programs.map((program) => text(program.stdout)))
    const pool = new Pool({ connectionString: server.url })
    const log = postgresLog(pool, { retention: {} })
    t.after(async () => {
      await log.close()
      await pool.end()
    })

    const seen: Entry[] = []
    const goal = { isOver: false }
    const over = outputs.then(() => (goal.isOver = true))
    const wakes: unknown[] = []
    const stop = await log.watch((newest) => void wakes.push(newest))
    for (let at = (await log.bounds()).first; ;) {
      const wasOver = goal.isOver
      wakes.length = 0
      const { entries, next, lost } = await log.read({ after: at, limit: 50 })
      assert.equal(lost, undefined)
      seen.push(...entries)
      const hasMoved = next !== at
      if (!hasMoved && wasOver) break
      at = next
      if (hasMoved) continue
      while (wakes.length === 0 && !goal.isOver) await new Promise((resolve) => void setTimeout(resolve, 5))
    }
    await stop()
    await over

    const calls = (await outputs).flatMap((output) => JSON.parse(output) as Call[])
    assert.equal(calls.length, 300)
    assert.equal(seen.length, 300 * 3 + 100, "all that was acknowledged, and each shared message once")
    const positions = seen.map(({ position }) => position)
    assert.deepEqual(positions, positions.toSorted(), "none came after one with a greater position")
    assert.equal(new Set(positions).size, positions.length)
    const placeOf = new Map(positions.map((position, place) => [position, place]))
    for (const { data, positions: mine, previous } of calls) {
      const place = placeOf.get(mine[0] ?? "") ?? assert.fail("an acknowledged entry is missing")
      assert.deepEqual(
        seen.slice(place, place + 3).map((entry) => entry.data),
        data,
        "a call's entries lie together",
      )
      if (place > 0) assert.equal(previous, positions[place - 1])
    }
  },
)
