import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { Redis } from "ioredis"
import { Pool } from "pg"
import type { Log, Retention } from "../../src/log/index.ts"
import { postgresLog } from "../../src/log/postgres/index.ts"
import { redisLog } from "../../src/log/redis/index.ts"
import { natsMissing, startNats } from "../stores/nats.ts"
import { postgresMissing, startPostgres } from "../stores/postgres.ts"
import { redisMissing, startRedis } from "../stores/redis.ts"
import { dataOf, openLog } from "./nats-stage.ts"

const HOUR = 3_600_000

/** Opens a log on a server of the test's own. */
type Open = (t: TestContext, retention: Retention) => Promise<Log>

async function openRedis(t: TestContext, retention: Retention): Promise<Log> {
  const server = await startRedis()
  const client = new Redis(server.url)
  const log = redisLog(client, { retention })
  t.after(async () => {
    await log.close()
    client.disconnect()
    await server.close()
  })
  return log
}

async function openPostgres(t: TestContext, retention: Retention): Promise<Log> {
  const server = await startPostgres()
  const pool = new Pool({ connectionString: server.url })
  const log = postgresLog(pool, { retention })
  t.after(async () => {
    await log.close()
    await pool.end()
    await server.close()
  })
  return log
}

async function openNats(t: TestContext, retention: Retention): Promise<Log> {
  const server = await startNats()
  t.after(() => server.close())
  return openLog(t, server.address, { retention })
}

const STORES: Readonly<Record<string, readonly [open: Open, missing: string | undefined]>> = {
  Redis: [openRedis, redisMissing],
  PostgreSQL: [openPostgres, postgresMissing],
  NATS: [openNats, natsMissing],
}

for (const [store, [open, missing]] of Object.entries(STORES)) {
  const skip = missing ?? false

  test(
    `a process whose clock is a day ahead expires nothing in ${store}, and gives entries the right time`,
    { skip },
    async (t) => {
      const log = await open(t, { age: HOUR })
      await log.append([{ topic: "a", data: "before" }])
      const day = Date.now()
      t.mock.method(Date, "now", () => day + 24 * HOUR)
      const { time } = await log.append([{ topic: "a", data: "after" }])
      await log.trim?.()
      assert.deepEqual(await dataOf(log), ["before", "after"])
      assert.ok(Math.abs(time - day) < HOUR, "the entry has the store's time")
    },
  )

  test(
    `a process whose clock is a day behind removes old entries in ${store}, also without an append`,
    { skip },
    async (t) => {
      const day = Date.now()
      t.mock.method(Date, "now", () => day - 24 * HOUR)
      const log = await open(t, { age: 1_000 })
      await log.append([{ topic: "a", data: "old" }])
      const deadline = performance.now() + 60_000
      while ((await dataOf(log)).length > 0) {
        assert.ok(performance.now() < deadline, "within seconds")
        await new Promise((resolve) => void setTimeout(resolve, 100))
      }
    },
  )
}
