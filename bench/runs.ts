/**
 * What a token costs on its way from a source to one viewer, in CPU time of the server's process: 500 answers of 500 tokens at once, one
 * token every 20 ms, beside a bare `res.write` loop, which survives nothing, and beside `resumable-stream`, whose Redis works besides.
 * Run: `node --conditions=onward-source bench/runs.ts [--runs 500] [--rounds 1]`
 *
 * Contenders take turns; ratios are taken within a round. CPU time and not time, so that a busy machine does not change it much.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import { reservePort } from "../packages/onward/test/reserve-port.ts"
import { cpuSeconds } from "./run/usage.ts"
import { figure, median } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"
import { TICK, TOKENS } from "./runs/tokens.ts"

const { values: flags } = parseArgs({
  options: { runs: { type: "string", default: "500" }, rounds: { type: "string", default: "1" } },
})
const runs = Number(flags.runs)
const rounds = Number(flags.rounds)
const hasRedis = spawnSync("redis-server", ["--version"]).status === 0
const contenders = ["bare", "runs-memory", "runs-sqlite", ...(hasRedis ? ["runs-redis", "resumable-stream"] : [])]
const folder = mkdtempSync(join(tmpdir(), "onward-bench-runs-"))

const REDIS: ReadonlySet<string> = new Set(["runs-redis", "resumable-stream"])

interface Sample {
  /** CPU microseconds of the server for a token, and of Redis. */
  readonly us: number
  readonly redis: number
  readonly frames: number
  /** MiB the process grew by, and bytes of its heap for a token after a garbage collection. */
  readonly grown: number
  readonly heap: number
}

const start = (file: string, ...args: string[]): ChildProcess =>
  spawn(process.execPath, ["--expose-gc", ...process.execArgv, join(import.meta.dirname, "runs", file), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  })

async function hear<T>(lines: AsyncIterator<string>): Promise<T> {
  const { done, value } = await lines.next()
  if (done) throw new Error("a process of the bench ended early")
  return JSON.parse(value) as T
}

const linesOf = (child: ChildProcess): AsyncIterator<string> =>
  createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()

async function startRedis(): Promise<{ url: string; pid: number; stop(): void }> {
  const port = await reservePort()
  const child = spawn(
    "redis-server",
    ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"],
    { stdio: ["ignore", "pipe", "inherit"] },
  )
  for await (const line of createInterface({ input: child.stdout })) if (/Ready to accept/.test(line)) break
  child.stdout.resume()
  return { url: `redis://127.0.0.1:${port}`, pid: child.pid as number, stop: () => void child.kill() }
}

async function measure(contender: string): Promise<Sample> {
  const redis = REDIS.has(contender) ? await startRedis() : undefined
  const server = start("serve.ts", contender, redis?.url ?? join(folder, `${contender}-${Date.now()}.db`))
  try {
    const lines = linesOf(server)
    const { port } = await hear<{ port: number }>(lines)
    const usage = async (): Promise<{ cpu: number; rss: number; heap: number }> => {
      server.stdin?.write("usage\n")
      return hear(lines)
    }
    const before = await usage()
    const redisBefore = redis ? cpuSeconds(redis.pid) : 0
    const { broken, frames } = await hear<{ broken: number; frames: number }>(
      linesOf(start("read.ts", `${port}`, `${runs}`)),
    )
    if (broken > 0) throw new Error(`${contender}: ${broken} of ${runs} answers were not whole`)
    const after = await usage()
    const tokens = runs * TOKENS
    return {
      us: (after.cpu - before.cpu) / tokens,
      redis: redis ? ((cpuSeconds(redis.pid) - redisBefore) * 1e6) / tokens : 0,
      frames,
      grown: (after.rss - before.rss) / 1_048_576,
      heap: (after.heap - before.heap) / tokens,
    }
  } finally {
    server.stdin?.end()
    redis?.stop()
  }
}

const samples = new Map<string, Sample[]>(contenders.map((name) => [name, []]))
try {
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) samples.get(contender)?.push(await measure(contender))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const rows = contenders.map((name) => {
  const list = samples.get(name) as Sample[]
  const of = (value: (sample: Sample, round: number) => number): string => figure(median(list.map(value)))
  const bare = samples.get("bare") as Sample[]
  return [
    name,
    of(({ us }) => us),
    of(({ us }, round) => us / (bare[round] as Sample).us),
    of(({ redis }) => redis),
    of(({ frames }) => frames / runs),
    of(({ grown }) => grown),
    of(({ heap }) => heap),
  ]
})
console.log(
  `### runs\n\n${runs} answers of ${TOKENS} tokens at once, one token every ${TICK} ms; median of ${rounds}.\n`,
)
console.log(
  markdown([
    ["server", "CPU µs/token", "× bare", "Redis, CPU µs/token", "frames an answer", "MiB grown", "heap bytes/token"],
    ...rows,
  ]),
)
