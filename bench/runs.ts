/**
 * What a token costs on its way from a source to one viewer, in CPU time of the server's process: 500 answers of 500 tokens at once, one
 * token every 20 ms, beside a bare `res.write` loop, which survives nothing, and beside `resumable-stream`, whose Redis works besides.
 * Run: `node --conditions=onward-source bench/runs.ts [--runs 500] [--rounds 3] [--servers runs-memory] [--against <checkout>]`
 *
 * Contenders take turns, each in a new process that has served some answers before, and each beside a bare server that does the same at the
 * same time: other load changes CPU time by up to half, but that of both. `--against` measures another checkout too.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import { reservePort } from "../packages/onward/test/reserve-port.ts"
import { cpuSeconds } from "./run/usage.ts"
import { figure, spread } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"
import { TICK, TOKENS } from "./runs/tokens.ts"

const { values: flags } = parseArgs({
  options: {
    runs: { type: "string", default: "500" },
    rounds: { type: "string", default: "3" },
    servers: { type: "string" },
    against: { type: "string" },
  },
})
const runs = Number(flags.runs)
const rounds = Number(flags.rounds)
const hasRedis = spawnSync("redis-server", ["--version"]).status === 0
const known = ["runs-memory", "runs-sqlite", ...(hasRedis ? ["runs-redis", "resumable-stream"] : [])]
const servers = flags.servers?.split(",") ?? known
if (!servers.every((name) => known.includes(name))) throw new TypeError(`--servers: ${known.join(", ")}`)

interface Contender {
  readonly name: string
  readonly server: string
  /** The folder of its `serve.ts`. */
  readonly folder: string
}

const here = join(import.meta.dirname, "runs")
const bare: Contender = { name: "bare", server: "bare", folder: here }
const contenders: readonly Contender[] = servers.flatMap((server) => [
  { name: server, server, folder: here },
  ...(flags.against !== undefined && server.startsWith("runs-")
    ? [{ name: `${server} of --against`, server, folder: join(flags.against, "bench/runs") }]
    : []),
])
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
  spawn(process.execPath, ["--expose-gc", ...process.execArgv, file, ...args], { stdio: ["pipe", "pipe", "inherit"] })

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

async function read(port: number, prefix: string, count: number, tokens: number): Promise<number> {
  const { broken, frames } = await hear<{ broken: number; frames: number }>(
    linesOf(start(join(here, "read.ts"), `${port}`, prefix, `${count}`, `${tokens}`)),
  )
  if (broken > 0) throw new Error(`${broken} of ${count} answers were not whole`)
  return frames
}

async function measure(contender: Contender): Promise<Sample> {
  const redis = REDIS.has(contender.server) ? await startRedis() : undefined
  const server = start(
    join(contender.folder, "serve.ts"),
    contender.server,
    redis?.url ?? join(folder, `${contender.server}-${Date.now()}.db`),
  )
  try {
    const lines = linesOf(server)
    const { port } = await hear<{ port: number }>(lines)
    const usage = async (): Promise<{ cpu: number; rss: number; heap: number }> => {
      server.stdin?.write("usage\n")
      return hear(lines)
    }
    // so that its code is compiled
    await read(port, "warm", 200, 75)
    const before = await usage()
    const redisBefore = redis ? cpuSeconds(redis.pid) : 0
    const frames = await read(port, "run", runs, TOKENS)
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

/** Samples of a contender and of the bare server beside it. */
const pairs = new Map<Contender, (readonly [Sample, Sample])[]>(contenders.map((contender) => [contender, []]))
try {
  for (let round = 0; round < rounds; round++) {
    for (const [contender, list] of pairs) list.push(await Promise.all([measure(contender), measure(bare)]))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function rowOf({ name }: Contender, list: readonly (readonly [Sample, Sample])[]): string[] {
  const of = (value: (sample: Sample, beside: Sample) => number): string => spread(list.map((pair) => value(...pair)))
  return [
    name,
    of(({ us }) => us),
    of(({ us }, beside) => us / beside.us),
    of(({ redis }) => redis),
    of(({ frames }) => frames / runs),
    of(({ grown }) => grown),
    of(({ heap }) => heap),
  ]
}
const ofBare = [...pairs.values()].flat().map(([, beside]) => [beside, beside] as const)
const rows = [rowOf(bare, ofBare), ...[...pairs].map(([contender, list]) => rowOf(contender, list))]
console.log(
  `### runs\n\n${runs} answers of ${TOKENS} tokens at once, one token every ${TICK} ms; median (least–most) of ${rounds}; load ${figure(loadavg()[0] as number)}.\n`,
)
console.log(
  markdown([
    ["server", "CPU µs/token", "× bare", "Redis, CPU µs/token", "frames an answer", "MiB grown", "heap bytes/token"],
    ...rows,
  ]),
)
