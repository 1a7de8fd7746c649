/**
 * The SQLite log beside a bare `node:sqlite` loop with the same durability, and the memory log for comparison.
 * Run: `node --conditions=onward-source bench/sqlite.ts [folder on the disk to measure]`
 *
 * Contenders take turns in slices of half a second, so that what else the disk does hits all; the table has medians, the
 * ratio is the median of the rounds' ratios. The bare loop inserts sequence, topic and data into a plain table: no topics,
 * no ids, no retention, no other thread, and it stops the event loop while it writes.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { memoryLog, type Log, type StoredMessage } from "onward/log"
import { sqliteLog } from "onward/sqlite"

const ROUNDS = 7
const SLICE = 500

/** Messages appended until `deadline`. */
type Contender = (deadline: number) => number | Promise<number>

const data = JSON.stringify({ symbol: "ACME", price: 12.5, volume: 1000, note: "x".repeat(140) })
const message = (i: number): StoredMessage => ({ topic: `prices/${i % 50}`, event: "tick", data })
const batch = Array.from({ length: 100 }, (_, i) => message(i))

const folder = mkdtempSync(join(resolve(process.argv[2] ?? tmpdir()), "onward-bench-"))
let files = 0
const file = (): string => join(folder, `${++files}.db`)

/** Appends of `messages` each, `lanes` of them at once. */
function appends(log: Log, messages: readonly StoredMessage[], lanes: number): Contender {
  return async (deadline) => {
    let count = 0
    const lane = async (): Promise<void> => {
      while (performance.now() < deadline) {
        await log.append(messages)
        count += messages.length
      }
    }
    await Promise.all(Array.from({ length: lanes }, lane))
    return count
  }
}

function bareLoop(durability: "full" | "normal", size: number): Contender {
  const database = new DatabaseSync(file())
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${durability}`)
  database.exec("CREATE TABLE entries (sequence INTEGER PRIMARY KEY, topic TEXT NOT NULL, data TEXT NOT NULL)")
  const insert = database.prepare("INSERT INTO entries (topic, data) VALUES (?, ?)")
  const [begin, commit] = [database.prepare("BEGIN IMMEDIATE"), database.prepare("COMMIT")]
  const messages = batch.slice(0, size)
  return (deadline) => {
    let count = 0
    while (performance.now() < deadline) {
      begin.run()
      for (const { topic, data } of messages) insert.run(topic, data)
      commit.run()
      count += size
    }
    return count
  }
}

interface Row {
  readonly name: string
  readonly ours: Contender
  readonly bare: Contender
}

const one = [message(1)]
const rows = (["full", "normal"] as const).flatMap((durability): Row[] => {
  const log = (retention = {}): Log => sqliteLog(file(), { durability, retention })
  const limits = { count: 20_000, topic: { count: 1000 } }
  const single = bareLoop(durability, 1)
  const hundred = bareLoop(durability, 100)
  return [
    { name: `${durability}: one awaited after the other`, ours: appends(log(), one, 1), bare: single },
    { name: `${durability}: 64 at once`, ours: appends(log(), one, 64), bare: single },
    { name: `${durability}: batches of 100`, ours: appends(log(), batch, 1), bare: hundred },
    { name: `${durability}: batches of 100, as many removed`, ours: appends(log(limits), batch, 1), bare: hundred },
    { name: `${durability}: 4 batches of 100 at once`, ours: appends(log(), batch, 4), bare: hundred },
  ]
})

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number

/** Messages a second. */
async function rate(contender: Contender): Promise<number> {
  const start = performance.now()
  return ((await contender(start + SLICE)) / (performance.now() - start)) * 1000
}

/** Entries a second when reading all of a log, page by page. */
async function readRate(log: Log, topics?: readonly string[]): Promise<number> {
  let { first: after } = await log.bounds()
  const start = performance.now()
  for (let count = 0; ;) {
    const { entries, next } = await log.read({ after, limit: 512, ...(topics && { topics }) })
    if (next === after) return (count / (performance.now() - start)) * 1000
    count += entries.length
    after = next
  }
}

const number = (value: number): string => Math.round(value).toLocaleString("en")
const line = (...cells: readonly string[]): void => console.log(`| ${cells.join(" | ")} |`)

line("acknowledged messages a second", "sqliteLog", "bare node:sqlite", "ratio")
line("---", "---:", "---:", "---:")
for (const { name, ours, bare } of rows) {
  await ours(performance.now() + 100)
  const rounds: [ours: number, bare: number][] = []
  for (let i = 0; i < ROUNDS; i++) rounds.push([await rate(ours), await rate(bare)])
  const ratio = median(rounds.map(([ours, bare]) => ours / bare))
  line(
    name,
    number(median(rounds.map(([ours]) => ours))),
    number(median(rounds.map(([, bare]) => bare))),
    ratio.toFixed(2),
  )
}

const memory = memoryLog()
const memoryRates: number[] = []
for (let i = 0; i < ROUNDS; i++) memoryRates.push(await rate(appends(memory, batch, 1)))
const stored = sqliteLog(file(), { durability: "normal" })
for (let i = 0; i < 1000; i++) await stored.append(batch)
const topics = [1, 2, 3, 4].map((i) => `prices/${i}`)

console.log()
line("entries a second", "memoryLog", "sqliteLog")
line("---", "---:", "---:")
line("append, batches of 100", number(median(memoryRates)), "see above")
line("read all, pages of 512", number(await readRate(memory)), number(await readRate(stored)))
line(
  "read 4 topics of 50, pages of 512",
  number(await readRate(memory, topics)),
  number(await readRate(stored, topics)),
)
rmSync(folder, { recursive: true })
process.exit()
