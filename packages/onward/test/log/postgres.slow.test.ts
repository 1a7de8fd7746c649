import assert from "node:assert/strict"
import { after, before, test } from "node:test"
import { Pool } from "pg"
import postgres from "postgres"
import type { Log, Retention } from "../../src/log/index.ts"
import { logCases } from "../../src/log/suite/index.ts"
import { postgresLog, type PostgresClient, type PostgresLogOptions } from "../../src/log/postgres/index.ts"
import { postgresMissing, startPostgres, type PostgresServer } from "../stores/postgres.ts"
import { compare, compareMany, SEED } from "./compare.ts"

const skip = postgresMissing ?? false
let server: PostgresServer
let pool: Pool
let sql: postgres.Sql
let schemas = 0

before(async () => {
  if (skip) return
  server = await startPostgres()
  pool = new Pool({ connectionString: server.url, max: 20 })
  sql = postgres(server.url, { max: 12, onnotice: () => {}, fetch_types: false })
})

after(async () => {
  await pool?.end()
  await sql?.end()
  await server?.close()
})

const clients: Readonly<Record<string, () => PostgresClient>> = { pg: () => pool, postgres: () => sql }

/** A place nobody has used. */
const newSchema = (): string => `log${++schemas}`

for (const [name, client] of Object.entries(clients)) {
  const cases = logCases({
    seed: SEED,
    create() {
      const schema = newSchema()
      return {
        open: (options: PostgresLogOptions) => postgresLog(client(), { schema, ...options }),
        remove: async () => void (await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)),
      }
    },
  })
  for (const { name: sentence, run } of cases) test(`with ${name}: ${sentence}`, { skip }, run)

  test(`with ${name}, a log returns the same as a naive one, over random operations (seed ${SEED})`, { skip }, () =>
    compareMany(4, async (seed) => {
      const schema = newSchema()
      await compare(
        seed,
        120,
        (options) => oneByOneWhereItCounts(postgresLog(client(), { schema, ...options }), options),
        true,
      )
    }),
  )
}

/**
 * Calls that share a statement are trimmed once, at its end. Where a topic's limit and the log's are both set, that may keep
 * more than trimming after each call, as the naive log does: there, calls are made one after the other.
 */
function oneByOneWhereItCounts(log: Log, { retention }: { retention: Retention }): Log {
  const { topic, count, bytes } = retention
  if (!topic || (count === undefined && bytes === undefined)) return log
  let last: Promise<unknown> = Promise.resolve()
  return {
    ...log,
    append(messages) {
      const mine = last.then(() => log.append(messages))
      last = mine
      return mine
    },
  }
}

test("every text is read unchanged, halves of surrogate pairs too", { skip }, async () => {
  const log = postgresLog(pool, { schema: newSchema() })
  const texts = ["\ud83d", "a\ude00b", "\u001a0000", "\u0000\u001a", '{"a\\",}', "NULL", "😀\ud83d"]
  const { previous } = await log.append(texts.map((data) => ({ topic: "a", data, id: `id ${data}` })))
  const { entries } = await log.read({ after: previous, limit: 10 })
  assert.deepEqual(
    entries.map(({ data, id }) => [data, id]),
    texts.map((data) => [data, `id ${data}`]),
  )
  assert.equal(await log.locate({ id: "id \ud83d" }), entries[0]?.position)
  await log.close()
})
