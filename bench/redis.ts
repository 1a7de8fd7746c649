/**
 * The Redis log beside the bare client, on one redis-server of its own that keeps nothing on the disk.
 * Run: `node --conditions=onward-source bench/redis.ts`
 *
 * Contenders take turns in slices of a fifth of a second; the table has medians. The ratios are medians of the rounds' ratios, and in
 * brackets those by the time that both processes worked, which other programs on the machine change less.
 *
 * `script` is the bare client calling the log's own script with the arguments of one append, each awaited: the same commands.
 * `XADD` is a pipeline of XADDs to one capped stream, which does far less: no topics, no ids, no retention, not all or nothing.
 * Reading is beside an XRANGE of that stream, and of the log's own: the same commands again.
 */
import { Redis } from "ioredis"
import type { StoredMessage } from "onward/log"
import { redisLog } from "onward/redis"
import { startRedis } from "../packages/onward/test/stores/redis.ts"

const ROUNDS = 15
const SLICE = 200
const CAP = 100_000

/** Messages until `deadline`. */
type Contender = (deadline: number) => Promise<number>

const data = JSON.stringify({ symbol: "ACME", price: 12.5, volume: 1000, note: "x".repeat(140) })
const batchOf = (count: number): StoredMessage[] =>
  Array.from({ length: count }, (_, i) => ({ topic: `prices/${i % 50}`, data }))

const server = await startRedis({ appendfsync: "none" })
const theirs = new Redis(server.url)
const client = new Redis(server.url)
let sent: readonly (string | number)[] = []
const spied: Redis = Object.assign(Object.create(client) as Redis, {
  call(command: string, words: (string | number)[]) {
    // only the last: keeping all would cost the log what the others need not pay
    if (words[3] === "append") sent = words
    return client.call(command, words)
  },
})
const log = redisLog(spied)
// the first call brings the script itself
await log.append(batchOf(1))
let calls = 0

/** What the log sends for one append, again and again. */
async function scriptFor(messages: readonly StoredMessage[]): Promise<() => Promise<unknown>> {
  await log.append(messages)
  const words = [...sent]
  words[13] = "bench"
  return () => theirs.call("EVALSHA", words.with(14, String(++calls)))
}

function xaddFor(messages: readonly StoredMessage[]): () => Promise<unknown> {
  return () => {
    const pipeline = theirs.pipeline()
    for (const { topic, data } of messages) {
      pipeline.xadd("bare", "MAXLEN", "~", CAP, "*", "topic", topic, "data", data)
    }
    return pipeline.exec()
  }
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

const readLog: Contender = async (deadline) => {
  let total = 0
  let { first: after } = await log.bounds()
  const { first } = await log.bounds()
  while (performance.now() < deadline) {
    const { entries, next } = await log.read({ after, limit: 512 })
    total += entries.length
    after = next === after ? first : next
  }
  return total
}

function readBare(key: string): Contender {
  return async (deadline) => {
    let total = 0
    let after = "0-0"
    while (performance.now() < deadline) {
      const found = await theirs.xrange(key, `(${after}`, "+", "COUNT", 512)
      total += found.length
      after = found.at(-1)?.[0] ?? "0-0"
    }
    return total
  }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number
const number = (value: number): string => Math.round(value).toLocaleString("en")
const line = (...cells: readonly string[]): void => console.log(`| ${cells.join(" | ")} |`)

/** Seconds that this process and Redis have worked so far. */
async function worked(): Promise<number> {
  const { user, system } = process.cpuUsage()
  const told = await theirs.info("cpu")
  const redis = ["user", "sys"].map((kind) => Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(told)?.[1]))
  return redis.reduce((sum, seconds) => sum + seconds, (user + system) / 1_000_000)
}

/** Messages a second, and a second of work: the latter means something on a busy machine, too. */
async function rate(contender: Contender): Promise<Rate> {
  const before = await worked()
  const start = performance.now()
  const count = await contender(start + SLICE)
  const time = (performance.now() - start) / 1000
  return { byTime: count / time, byWork: count / ((await worked()) - before) }
}

interface Rate {
  readonly byTime: number
  readonly byWork: number
}

async function row(name: string, contenders: readonly Contender[]): Promise<void> {
  for (const contender of contenders) await contender(performance.now() + 100)
  const rounds: Rate[][] = []
  for (let i = 0; i < ROUNDS; i++) {
    const round: Rate[] = []
    for (const contender of contenders) round.push(await rate(contender))
    rounds.push(round)
  }
  const ofRounds = (of: (round: readonly Rate[]) => number): number => median(rounds.map(of))
  const ratio = (by: keyof Rate, i: number): string =>
    ofRounds(([log, ...others]) => (log as Rate)[by] / (others[i] as Rate)[by]).toFixed(2)
  const cells = contenders.map((_, i) => number(ofRounds((round) => (round[i] as Rate).byTime)))
  const ratios = contenders.slice(1).map((_, i) => `${ratio("byTime", i)} (${ratio("byWork", i)})`)
  line(name, ...cells, ...ratios)
}

line("messages a second", "redisLog", "script", "XADD", "of script", "of XADD")
line("---", "---:", "---:", "---:", "---:", "---:")
for (const [name, count, size] of [
  ["one awaited after the other", 1, 1],
  ["64 at once", 64, 1],
  ["batches of 100", 1, 100],
  ["4 batches of 100 at once", 4, 100],
] as const) {
  const messages = batchOf(size)
  const script = await scriptFor(messages)
  await row(name, [
    lanes(count, size, () => log.append(messages)),
    lanes(count, size, script),
    lanes(count, size, xaddFor(messages)),
  ])
}

for (let i = 0; i < CAP / 100; i++) await Promise.all([log.append(batchOf(100)), xaddFor(batchOf(100))()])
console.log("")
const stream = `onward:{log}:entries:${await theirs.hget("onward:{log}", "stream")}`
line("entries read a second, pages of 512", "redisLog", "XRANGE of the log", "XRANGE", "of the log's", "of XRANGE")
line("---", "---:", "---:", "---:", "---:", "---:")
await row("all topics", [readLog, readBare(stream), readBare("bare")])

const bytes = async (...keys: readonly string[]): Promise<number> => {
  let sum = 0
  for (const key of keys) sum += (await theirs.memory("USAGE", key, "SAMPLES", 0)) ?? 0
  return sum
}
const keys = (await theirs.keys("onward:{log}*")).filter((key) => !key.includes(":writer:"))
const count = await theirs.xlen(stream)
const each = (await bytes(...keys)) / count
const bare = (await bytes("bare")) / (await theirs.xlen("bare"))
console.log(`\nMemory of an entry with ${data.length} bytes of data: ${number(each)} bytes; by XADD ${number(bare)}.`)

await log.close()
process.exit(0)
