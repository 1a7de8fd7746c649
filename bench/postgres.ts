/**
 * The PostgreSQL log beside the bare client, on one server of its own that flushes each commit.
 * Run: `node --conditions=onward-source bench/postgres.ts`
 *
 * Contenders take turns in slices of half a second; the table has medians, the ratios are medians of the rounds' ratios. `same` is
 * the bare client running the log's own statement with the arguments of one append, each awaited. `INSERT` is one statement into a plain
 * table with an index by topic, which does far less: no order of commits, no ids, no counts, no retention.
 */
import { Pool } from "pg"
import type { StoredMessage } from "onward/log"
import { postgresLog, type PgPool } from "onward/postgres"
import { startPostgres } from "../packages/onward/test/stores/postgres.ts"

const ROUNDS = 5
const SLICE = 500

/** Messages until `deadline`. */
type Contender = (deadline: number) => Promise<number>
type Statement = Parameters<PgPool["query"]>[0]

const data = JSON.stringify({ symbol: "ACME", price: 12.5, volume: 1000, note: "x".repeat(140) })
const batchOf = (count: number): StoredMessage[] =>
  Array.from({ length: count }, (_, i) => ({ topic: `prices/${i % 50}`, data }))

const server = await startPostgres({ settings: ["fsync=on", "shared_buffers=256MB", "max_wal_size=4GB"] })
const theirs = new Pool({ connectionString: server.url })
const pool = new Pool({ connectionString: server.url })
let sent: Statement = { text: "", rowMode: "array" }
const spied = Object.assign(Object.create(pool) as Pool, {
  query(statement: Statement) {
    if (statement.text.includes(".append(")) sent = statement
    return pool.query(statement)
  },
})
const log = postgresLog(spied)
await theirs.query("CREATE TABLE bare (sequence bigserial PRIMARY KEY, topic text NOT NULL, data text NOT NULL)")
await theirs.query("CREATE INDEX ON bare (topic, sequence)")

/** What the log sends for one append, again and again. */
async function sameFor(messages: readonly StoredMessage[]): Promise<() => Promise<unknown>> {
  await log.append(messages)
  const statement = sent
  return () => theirs.query(statement)
}

function insertFor(messages: readonly StoredMessage[]): () => Promise<unknown> {
  const text = "INSERT INTO bare (topic, data) SELECT * FROM unnest($1::text[], $2::text[]) RETURNING sequence"
  const values = [messages.map(({ topic }) => topic), messages.map(({ data }) => data)]
  return () => theirs.query({ text, values })
}

/** Calls of `lanes` at once, each awaited before its lane's next. */
function lanes(count: number, size: number, call: () => Promise<unknown>): Contender {
  return async (deadline) => {
    let total = 0
    const lane = async (): Promise<void> => {
      while (performance.now() < deadline) {
        await call()
        total += size
      }
    }
    await Promise.all(Array.from({ length: count }, lane))
    return total
  }
}

/** Pages of 512 from the beginning on. */
const readLog: Contender = async (deadline) => {
  let { first: after } = await log.bounds()
  for (let total = 0; ;) {
    const { entries, next } = await log.read({ after, limit: 512 })
    total += entries.length
    if (performance.now() >= deadline) return total
    after = next
  }
}

const readBare: Contender = async (deadline) => {
  const text = "SELECT * FROM onward.read((SELECT epoch FROM onward.log), $1, NULL, 512, 2097152)"
  let after = 0
  for (let total = 0; ;) {
    const { rows } = await theirs.query<unknown[]>({ text, values: [after], rowMode: "array" })
    total += rows.length - 1
    if (performance.now() >= deadline) return total
    after = Number(rows.at(-1)?.[0])
  }
}

const readPlain: Contender = async (deadline) => {
  const text = "SELECT sequence, topic, data FROM bare WHERE sequence > $1 ORDER BY sequence LIMIT 512"
  let after = 0
  for (let total = 0; ;) {
    const { rows } = await theirs.query<unknown[]>({ text, values: [after], rowMode: "array" })
    total += rows.length
    if (performance.now() >= deadline) return total
    after = Number(rows.at(-1)?.[0])
  }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number

/** Messages a second. */
async function rate(contender: Contender): Promise<number> {
  const start = performance.now()
  return ((await contender(start + SLICE)) / (performance.now() - start)) * 1000
}

const number = (value: number): string => Math.round(value).toLocaleString("en")
const line = (...cells: readonly string[]): void => console.log(`| ${cells.join(" | ")} |`)

const rows: [name: string, ours: Contender, same: Contender, plain: Contender][] = []
for (const [name, count, size] of [
  ["one awaited after the other", 1, 1],
  ["64 at once", 64, 1],
  ["batches of 100", 1, 100],
  ["4 batches of 100 at once", 4, 100],
] as const) {
  const messages = batchOf(size)
  rows.push([
    name,
    lanes(count, size, () => log.append(messages)),
    lanes(count, size, await sameFor(messages)),
    lanes(count, size, insertFor(messages)),
  ])
}
rows.push(["reading, pages of 512", readLog, readBare, readPlain])

line("messages a second", "postgresLog", "same", "ratio", "INSERT", "ratio")
line("---", "---:", "---:", "---:", "---:", "---:")
for (const [name, ...contenders] of rows) {
  for (const contender of contenders) await contender(performance.now() + 200)
  const rounds: number[][] = []
  for (let i = 0; i < ROUNDS; i++) {
    const round: number[] = []
    for (const contender of contenders) round.push(await rate(contender))
    rounds.push(round)
  }
  const of = (which: number): number => median(rounds.map((round) => round[which] ?? 0))
  const ratio = (which: number): string =>
    median(rounds.map((round) => (round[0] ?? 0) / (round[which] ?? 0))).toFixed(2)
  line(name, number(of(0)), number(of(1)), ratio(1), number(of(2)), ratio(2))
}

await log.close()
await Promise.all([pool.end(), theirs.end()])
await server.close()
