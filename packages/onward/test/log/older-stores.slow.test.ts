import assert from "node:assert/strict"
import { test } from "node:test"
import { Redis } from "ioredis"
import { Pool } from "pg"
import { repeatsOf, type Log, type Position } from "../../src/log/index.ts"
import { natsLog } from "../../src/log/nats/index.ts"
import { postgresLog } from "../../src/log/postgres/index.ts"
import { redisLog } from "../../src/log/redis/index.ts"
import { natsMissing, startNats } from "../stores/nats.ts"
import { postgresMissing, startPostgres } from "../stores/postgres.ts"
import { redisMissing, startRedis } from "../stores/redis.ts"
import { connectTo } from "./nats-stage.ts"

const MESSAGES = [
  { topic: "a", data: "1", id: "x", idempotencyKey: "k" },
  { topic: "b", data: "2" },
  { topic: "b", data: "3", id: "y" },
]

/** What was kept is there under its positions, with its ids and keys, and those belong to their topics from now on. */
async function assertAdopted(log: Log, positions: readonly Position[]): Promise<void> {
  const { first } = await log.bounds()
  const { entries, lost } = await log.read({ after: first, limit: 10 })
  assert.deepEqual(
    entries.map(({ position, id }) => [position, id]),
    [
      [positions[0], "x"],
      [positions[1], undefined],
      [positions[2], "y"],
    ],
  )
  assert.equal(lost, undefined)
  assert.equal(await log.locate({ id: "y", topics: ["b"] }), positions[2])
  assert.equal(await log.locate({ id: "y", topics: ["a"] }), undefined)
  const again = await log.append([
    ...MESSAGES.slice(0, 1),
    { topic: "b", data: "4", id: "x" },
    { topic: "b", data: "5", idempotencyKey: "k" },
  ])
  assert.equal(again.positions[0], positions[0])
  assert.deepEqual(repeatsOf(again), [true, false, false])
}

test(
  "a log of format 1 in Redis is migrated, and the older version then refuses it",
  { skip: redisMissing ?? false },
  async (t) => {
    const server = await startRedis()
    t.after(() => server.close())
    const client = new Redis(server.url)
    t.after(() => client.disconnect())
    const log = redisLog(client)
    const { positions } = await log.append(MESSAGES)
    await log.close()
    // as version 1 wrote them: hashes of the name alone
    const [key] = ["onward:{log}"]
    await client.del(`${key}:ids`, `${key}:keys`)
    await client.hset(`${key}:ids`, '"x"', "1", '"y"', "3")
    await client.hset(`${key}:keys`, '"k"', "1")
    await client.hset(key, "format", "1")
    const next = redisLog(client)
    await assertAdopted(next, positions)
    assert.equal(await client.hget(key, "format"), "2")
    await next.close()
  },
)

test(
  "tables of version 1 in PostgreSQL are migrated, unless `migrate` is false",
  { skip: postgresMissing ?? false },
  async (t) => {
    const server = await startPostgres()
    t.after(() => server.close())
    const pool = new Pool({ connectionString: server.url })
    t.after(() => pool.end())
    const log = postgresLog(pool)
    const { positions } = await log.append(MESSAGES)
    await log.close()
    await pool.query(`
    DROP INDEX onward.entries_id_topic, onward.entries_key_topic;
    CREATE INDEX entries_id ON onward.entries (hashtextextended(id, 0)) WHERE id IS NOT NULL;
    CREATE INDEX entries_key ON onward.entries (hashtextextended(key, 0)) WHERE key IS NOT NULL;
    COMMENT ON SCHEMA onward IS 'Onward log, version 1'`)
    const strict = postgresLog(pool, { migrate: false })
    await assert.rejects(strict.bounds(), {
      code: "log_unsupported",
      message: /older version of onward created its tables\. Run the SQL of postgresSchema\(\)/,
    })
    await strict.close()
    const next = postgresLog(pool)
    await assertAdopted(next, positions)
    const { rows } = await pool.query<{ indexname: string }>(
      "SELECT indexname FROM pg_indexes WHERE tablename = 'entries' AND schemaname = 'onward' ORDER BY 1",
    )
    assert.deepEqual(
      rows.map(({ indexname }) => indexname),
      ["entries_id_topic", "entries_key_topic", "entries_pkey", "entries_topic"],
    )
    await next.close()
  },
)

test(
  "tables of version 2 in PostgreSQL are migrated: the function that begins an epoch has its new name",
  { skip: postgresMissing ?? false },
  async (t) => {
    const server = await startPostgres()
    t.after(() => server.close())
    const pool = new Pool({ connectionString: server.url })
    t.after(() => pool.end())
    const log = postgresLog(pool)
    const { positions } = await log.append(MESSAGES)
    await log.close()
    await pool.query(`
    ALTER TABLE onward.log RENAME COLUMN relation TO place;
    ALTER FUNCTION onward.new_epoch() RENAME TO new_life;
    ALTER FUNCTION onward.check_epoch(onward.log) RENAME TO check_life;
    COMMENT ON SCHEMA onward IS 'Onward log, version 2'`)
    const next = postgresLog(pool)
    await assertAdopted(next, positions)
    const { rows } = await pool.query<{ proname: string }>(
      "SELECT proname FROM pg_proc WHERE pronamespace = 'onward'::regnamespace AND proname ~ 'life|epoch' ORDER BY 1",
    )
    assert.deepEqual(
      rows.map(({ proname }) => proname),
      ["check_epoch", "new_epoch"],
    )
    await pool.query("SELECT onward.new_epoch()")
    assert.equal((await next.read({ after: positions[0] ?? "", limit: 1 })).lost?.reason, "epoch")
    await next.close()
  },
)

test("a stream of another version in NATS is refused and not changed", { skip: natsMissing ?? false }, async (t) => {
  const server = await startNats()
  t.after(() => server.close())
  const connection = await connectTo(t, server.address)
  const shape = { subjects: ["ONWARD.*"], description: "Onward log, version 1" }
  await connection.request("$JS.API.STREAM.CREATE.ONWARD", JSON.stringify({ name: "ONWARD", ...shape }))
  const log = natsLog(connection, { timeout: 1_000 })
  for (const call of [log.append(MESSAGES), log.bounds()]) {
    await assert.rejects(call, { code: "log_corrupt", message: /"Onward log, version 1".+Choose another `stream`/ })
  }
  await log.close()
  const info = (await connection.request("$JS.API.STREAM.INFO.ONWARD")).json<{ state: { messages: number } }>()
  assert.equal(info.state.messages, 0)
})
