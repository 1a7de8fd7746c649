import assert from "node:assert/strict"
import { join } from "node:path"
import { test } from "node:test"
import { memoryLog } from "../../src/log/index.ts"
import { natsLog } from "../../src/log/nats/index.ts"
import { postgresLog } from "../../src/log/postgres/index.ts"
import { redisLog } from "../../src/log/redis/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { temporaryFolder } from "./temporary-folder.ts"

test("every log takes a clock, and no log takes `now`", (t) => {
  for (const [name, open] of Object.entries(logsIn(temporaryFolder(t)))) {
    assert.throws(() => open({ now: () => 0 }), { name: "TypeError", message: /has no option "now"/ }, name)
    const message = new RegExp(`${name}: \`clock\` has no method \`now\``)
    assert.throws(() => open({ clock: {} }), { name: "TypeError", message }, name)
    assert.throws(() => open({ clock: () => 0 }), { name: "TypeError", message }, name)
  }
})

test("a timeout longer than a timer can wait is a TypeError that names it", (t) => {
  const { memoryLog: _, ...stores } = logsIn(temporaryFolder(t))
  for (const [name, open] of Object.entries(stores)) {
    for (const timeout of [0, -1, Number.NaN, Infinity, 2 ** 31, "5s", null]) {
      const message = new RegExp(`^${name}: \`timeout\` must be a number of milliseconds from 1 to 2147483647, not `)
      assert.throws(() => open({ timeout }), { name: "TypeError", message }, `${name} with ${timeout}`)
    }
  }
})

/** The logs by their names, each with a client that is never called. */
function logsIn(folder: string): Record<string, (options: object) => unknown> {
  const redis = { status: "wait", call: async () => null, on: () => {}, off: () => {} }
  const pool = { totalCount: 0, query: async () => null, connect: async () => null, on: () => {} }
  return {
    memoryLog,
    sqliteLog: (options) => sqliteLog(join(folder, "events.db"), options),
    redisLog: (options) => redisLog(redis as never, options),
    postgresLog: (options) => postgresLog(pool as never, options),
    natsLog: (options) => natsLog({ request: async () => null } as never, options),
  }
}
