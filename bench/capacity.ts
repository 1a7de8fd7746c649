// `npm run bench -- capacity`: what an entry costs a process that has no stream for it, by the log, see docs/capacity.md.
import { mkdtempSync, rmSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { payload } from "./load/publisher.ts"
import { startPostgres } from "../packages/onward/test/stores/postgres.ts"
import { startRedis } from "../packages/onward/test/stores/redis.ts"
import { enterNamespace } from "./run/netns.ts"
import { figure } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"
import { cpuSeconds, cpuSecondsOfFamily } from "./run/usage.ts"
import { quiet, startPair } from "./scale/hub-process.ts"
import { openLog, type LogSpec } from "./scale/open-log.ts"

const { values: flags } = parseArgs({
  options: {
    entries: { type: "string", default: "50000" },
    stores: { type: "string", default: "sqlite,postgres,redis" },
  },
})
const entries = Number(flags.entries)
/** Published together, as one commit: as many as arrive at once in a busy log, and one after the other. */
const BATCHES = [1, 100]

enterNamespace()
const folder = mkdtempSync(join(tmpdir(), "onward-capacity-"))

interface Store {
  readonly log: LogSpec
  /** CPU seconds of the store's own processes. */
  cpu(): number
  close(): Promise<void>
}

async function openStore(kind: string): Promise<Store> {
  if (kind === "sqlite") {
    return { log: { kind, path: join(folder, "events.db") }, cpu: () => 0, close: async () => {} }
  }
  const server = kind === "postgres" ? await startPostgres() : await startRedis({ appendfsync: "everysec" })
  const log: LogSpec = kind === "postgres" ? { kind, url: server.url } : { kind: "redis", url: server.url }
  const { pid = 0 } = server
  return { log, cpu: () => cpuSecondsOfFamily(pid), close: () => server.close() }
}

async function measure(store: Store, batch: number): Promise<string[]> {
  const pair = await startPair({ log: store.log })
  const { log, close } = await openLog(store.log)
  const count = batch === 1 ? Math.ceil(entries / 100) : entries
  try {
    const publish = async (total: number): Promise<void> => {
      for (let from = 1; from <= total; from += batch) {
        await log.append(Array.from({ length: batch }, (_, i) => ({ topic: "unread", data: payload(from + i, 200) })))
      }
    }
    await publish(Math.ceil(count / 10))
    await quiet(pair.pid)
    const [hub, own, theirs] = [cpuSeconds(pair.pid), process.cpuUsage(), store.cpu()]
    const started = performance.now()
    await publish(count)
    const seconds = (performance.now() - started) / 1000
    await quiet(pair.pid)
    const { user, system } = process.cpuUsage(own)
    const us = (seconds: number): string => figure((seconds * 1e6) / count)
    return [
      us(cpuSeconds(pair.pid) - hub),
      us((user + system) / 1e6),
      store.log.kind === "sqlite" ? "–" : us(store.cpu() - theirs),
      figure(count / seconds),
    ]
  } finally {
    await close()
    await pair.stop()
  }
}

const POINTS = [
  { streams: 1_000, events: 100, unheard: 10_000 },
  { streams: 4_000, events: 30, unheard: 30_000 },
  { streams: 10_000, events: 10, unheard: 0 },
] as const

interface Point {
  readonly streams: number
  /** On the topic of all streams, each published alone. */
  readonly events: number
  /** On another topic, in commits of 100. */
  readonly unheard: number
}

interface Cost {
  readonly cpu: number
  readonly memory: number
}

/** What a process costs that does this, in CPU seconds and in KiB. */
async function costOf({ streams, events, unheard }: Point, path: string): Promise<Cost> {
  const pair = await startPair({ log: { kind: "sqlite", path } })
  const { log, close } = await openLog({ kind: "sqlite", path })
  let last = 0
  const publish = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await log.append([{ topic: "news", data: payload(++last, 200) }])
      const { failure } = await pair.order({ do: "wait", until: last })
      if (failure) throw new Error(failure)
    }
  }
  const publishUnheard = async (count: number): Promise<void> => {
    for (let from = 1; from <= count; from += 100) {
      await log.append(Array.from({ length: 100 }, (_, i) => ({ topic: "unread", data: payload(from + i, 200) })))
    }
  }
  try {
    const empty = await pair.memory()
    await pair.order({ do: "open", count: streams, path: "/events?topic=news", atOnce: 256 })
    const memory = (await pair.memory()) - empty
    await publishUnheard(3_000)
    await publish(5)
    await quiet(pair.pid)
    const before = cpuSeconds(pair.pid)
    await publishUnheard(unheard)
    await publish(events)
    await quiet(pair.pid)
    return { cpu: cpuSeconds(pair.pid) - before, memory }
  } finally {
    await close()
    await pair.stop()
  }
}

/** Takes the constants of the model from two loads, and compares it with others. */
async function checkModel(): Promise<void> {
  let files = 0
  const measured = (point: Point): Promise<Cost> => costOf(point, join(folder, `model ${++files}.db`))
  const base = { streams: 2_000, events: 50, unheard: 0 }
  const fan = await measured(base)
  const perWrite = fan.cpu / (base.streams * base.events)
  const perStream = fan.memory / base.streams
  const perEntry = (await measured({ streams: 1, events: 1, unheard: 30_000 })).cpu / 30_000
  console.log(
    `\nThe model: ${figure(perEntry * 1e6)} µs an entry, ${figure(perWrite * 1e6)} µs a write, ${figure(perStream)} KiB a stream.\n`,
  )
  const lines: string[][] = []
  for (const point of POINTS) {
    const { streams, events, unheard } = point
    const { cpu, memory } = await measured(point)
    const expected = unheard * perEntry + streams * events * perWrite
    const counts = [streams, events, unheard].map((count) => count.toLocaleString("en"))
    lines.push([
      ...counts,
      figure(expected),
      figure(cpu),
      figure(cpu / expected),
      figure((streams * perStream) / 1024),
      figure(memory / 1024),
    ])
  }
  const titles = ["streams", "events", "other entries", "CPU s, model", "measured", "ratio", "MiB, model", "measured"]
  console.log(markdown([titles, ...lines]))
}

console.log(
  `### capacity\n\nEntries of 200 bytes that no stream of the hub asks for. Load ${figure(loadavg()[0] ?? 0)}.\n`,
)
const rows: string[][] = []
const header = ["log", "entries a commit", "µs CPU, hub", "µs CPU, publisher", "µs CPU, store", "entries/s"]
try {
  for (const kind of flags.stores.split(",")) {
    const store = await openStore(kind)
    try {
      for (const batch of BATCHES) {
        rows.push([kind, String(batch), ...(await measure(store, batch))])
        console.error(rows.at(-1)?.join(" | "))
      }
    } finally {
      await store.close()
    }
  }
  console.log(markdown([header, ...rows]))
  await checkModel()
} finally {
  rmSync(folder, { recursive: true })
}
process.exit()
