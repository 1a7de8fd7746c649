import assert from "node:assert/strict"
import { after, before, test } from "node:test"
import { Pool } from "pg"
import { inSameEpoch, type Log, type Position } from "../../src/log/index.ts"
import { postgresLog } from "../../src/log/postgres/index.ts"
import { postgresMissing, startPostgres, type PostgresServer } from "../stores/postgres.ts"

const skip = postgresMissing ?? false
let server: PostgresServer
let pool: Pool

before(async () => {
  if (skip) return
  server = await startPostgres()
  pool = new Pool({ connectionString: server.url })
})
after(async () => {
  await pool?.end()
  await server?.close()
})

const MESSAGES = Array.from({ length: 6 }, (_, i) => ({
  topic: i % 2 === 0 ? "a" : "b",
  data: String(i),
  id: `id ${i}`,
}))

async function readAfter(log: Log, after: Position, topics?: readonly string[]) {
  const { entries, lost } = await log.read({ after, limit: 100, ...(topics && { topics }) })
  return { data: entries.map(({ data }) => data), lost: lost?.reason }
}

/** What the counters say is what is there. */
async function assertCounted(schema: string): Promise<void> {
  const { rows } = await pool.query(`
    SELECT l.count = (SELECT count(*) FROM ${schema}.entries) AND l.bytes = (SELECT coalesce(sum(size), 0) FROM ${schema}.entries)
      AND NOT EXISTS (SELECT FROM ${schema}.topics t WHERE t.count <> (SELECT count(*) FROM ${schema}.entries e WHERE e.topic = t.id))
      AND l.empty_topics = (SELECT count(*) FROM ${schema}.topics WHERE count = 0) AS good FROM ${schema}.log l`)
  assert.deepEqual(rows, [{ good: true }])
}

const losses: readonly (readonly [what: string, sql: string, kept: readonly string[]])[] = [
  ["TRUNCATE of the entries", "TRUNCATE x.entries", []],
  ["TRUNCATE of topics and entries", "TRUNCATE x.topics, x.entries", []],
  ["DELETE of all entries", "DELETE FROM x.entries", []],
  ["DELETE of the newest entry", "DELETE FROM x.entries WHERE sequence = 6", ["0", "1", "2", "3", "4"]],
  ["DELETE of entries in between", "DELETE FROM x.entries WHERE sequence IN (3, 4)", ["0", "1", "4", "5"]],
  ["DELETE of a topic", "DELETE FROM x.topics WHERE name = 'b'", ["0", "2", "4"]],
]

for (const [i, [what, sql, kept]] of losses.entries()) {
  test(`${what} from outside is a gap for every reader, and the log continues`, { skip }, async () => {
    const schema = `lost${i}`
    const log = postgresLog(pool, { schema, retention: { count: 6, topic: { count: 5 } } })
    const { positions } = await log.append(MESSAGES)
    const [, second = "", , , , last = ""] = positions
    await pool.query(sql.replaceAll("x.", `${schema}.`))
    for (const topics of [undefined, ["a"], ["b"]]) {
      for (const position of [second, last])
        assert.equal((await readAfter(log, position, topics)).lost, "epoch", position)
    }
    assert.deepEqual((await readAfter(log, second)).data, kept)
    await assertCounted(schema)
    const next = await log.append([
      { topic: "b", data: "new" },
      { topic: "b", data: "again", id: "id 1" },
    ])
    assert.ok(!inSameEpoch(next.positions[0] ?? "", last))
    assert.deepEqual((await readAfter(log, next.previous)).lost, undefined)
    for (let n = 0; n < 10; n++) await log.append([{ topic: n % 2 === 0 ? "a" : "c", data: `later ${n}` }])
    const { data } = await readAfter(log, (await log.bounds()).first)
    assert.deepEqual(data, ["later 4", "later 5", "later 6", "later 7", "later 8", "later 9"])
    await assertCounted(schema)
    await log.close()
  })
}

test("retention, and a DELETE that removes nothing, begin no new epoch", { skip }, async () => {
  const log = postgresLog(pool, { schema: "calm", retention: { count: 3, topic: { count: 2 } } })
  const { positions } = await log.append(MESSAGES)
  for (let i = 0; i < 20; i++) await log.append([{ topic: `t${i}`, data: "" }])
  await pool.query("DELETE FROM calm.entries WHERE sequence = 1")
  await pool.query("DELETE FROM calm.topics WHERE name = 'nobody'")
  await log.trim?.()
  assert.ok(inSameEpoch((await log.bounds()).last, positions[0] ?? ""))
  assert.equal((await readAfter(log, positions[0] ?? "")).lost, "trimmed")
  await log.close()
})

test("a DELETE in a transaction that has published before is detected too", { skip }, async () => {
  const log = postgresLog(pool, { schema: "bothx", retention: { count: 2 } })
  const { positions } = await log.append(MESSAGES)
  const client = await pool.connect()
  await client.query("BEGIN")
  await log.appendIn(client, [{ topic: "a", data: "inside" }])
  await client.query("DELETE FROM bothx.entries WHERE sequence = 7")
  await client.query("COMMIT")
  client.release()
  assert.equal((await readAfter(log, positions[5] ?? "")).lost, "epoch")
  await assertCounted("bothx")
  await log.close()
})
