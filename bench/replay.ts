// `npm run bench -- replay`: everything that a store keeps, to one client and to many at once, see docs/benchmarks.md.
import { mkdtempSync, rmSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { startPostgres } from "../packages/onward/test/stores/postgres.ts"
import { startRedis } from "../packages/onward/test/stores/redis.ts"
import { payload } from "./load/publisher.ts"
import { enterNamespace } from "./run/netns.ts"
import { figure, median, spread } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"
import { startPair } from "./scale/hub-process.ts"
import { openLog, type LogSpec } from "./scale/open-log.ts"
import type { ServeOptions } from "./scale/serve.ts"

const { values: flags } = parseArgs({
  options: {
    entries: { type: "string", default: "1000000" },
    clients: { type: "string", default: "1,50" },
    stores: { type: "string", default: "sqlite,postgres,redis,window" },
    runs: { type: "string", default: "1" },
  },
})
const [entries, runs] = [Number(flags.entries), Number(flags.runs)]
const TOPIC = "news"
const BATCH = 1_000

enterNamespace()
const folder = mkdtempSync(join(tmpdir(), "onward-replay-"))

interface Store {
  readonly log: LogSpec
  close(): Promise<void>
}

async function openStore(kind: string): Promise<Store> {
  if (kind === "postgres") {
    const server = await startPostgres()
    return { log: { kind, url: server.url }, close: () => server.close() }
  }
  if (kind === "redis") {
    const server = await startRedis({ appendfsync: "none" })
    return { log: { kind, url: server.url }, close: () => server.close() }
  }
  return {
    log: kind === "sqlite" ? { kind, path: join(folder, "events.db") } : { kind: "memory" },
    close: async () => {},
  }
}

async function fill(spec: LogSpec): Promise<void> {
  const { log, close } = await openLog(spec)
  for (let from = 1; from <= entries; from += BATCH) {
    const count = Math.min(BATCH, entries - from + 1)
    await log.append(Array.from({ length: count }, (_, i) => ({ topic: TOPIC, data: payload(from + i, 200) })))
  }
  await close()
}

interface Sample {
  readonly perSecond: number
  readonly megabytes: number
  /** CPU of the process, in µs an entry and client. */
  readonly us: number
  readonly longestTurn: number
  readonly longestDelay: number
}

async function measure(options: ServeOptions, file: "serve.ts" | "loop.ts", clients: number): Promise<Sample> {
  const pair = await startPair({ ...options, watch: true }, file)
  try {
    if (options.log.kind === "memory") await pair.tell({ do: "publish", topic: TOPIC, from: 1, to: entries })
    await pair.usage()
    const path = `/events?topic=${TOPIC}&last_event_id=earliest`
    const { seconds, bytes, cpu } = await pair.cpuOf(() =>
      pair.order({ do: "open", count: clients, path, until: entries }),
    )
    const { longestTurn, longestDelay } = await pair.usage()
    const count = entries * clients
    return {
      perSecond: count / seconds,
      megabytes: bytes / seconds / 1e6,
      us: (cpu * 1e6) / count,
      longestTurn,
      longestDelay,
    }
  } finally {
    await pair.stop()
  }
}

console.log(`### replay\n\n${entries} entries of 200 bytes. Load ${figure(loadavg()[0] ?? 0)}.\n`)
const rows: string[][] = []
try {
  for (const kind of flags.stores.split(",")) {
    const { log, close } = await openStore(kind)
    try {
      const options: ServeOptions =
        log.kind === "memory" ? { log, window: { maxEntries: 2 * entries, maxChars: 2 ** 31 } } : { log }
      if (log.kind !== "memory") await fill(log)
      for (const clients of flags.clients.split(",").map(Number)) {
        const [hub, loop]: [Sample[], Sample[]] = [[], []]
        for (let run = 0; run < runs; run++) {
          if (log.kind !== "memory") loop.push(await measure(options, "loop.ts", clients))
          hub.push(await measure(options, "serve.ts", clients))
        }
        const of = (metric: keyof Sample, samples = hub): string => spread(samples.map((sample) => sample[metric]))
        const ratio = (metric: keyof Sample): string =>
          figure(median(loop.map((each, i) => (hub[i]?.[metric] ?? Number.NaN) / each[metric])))
        const turns = [of("longestTurn"), of("longestDelay")]
        rows.push([
          kind,
          String(clients),
          of("perSecond"),
          of("megabytes"),
          of("perSecond", loop),
          ratio("perSecond"),
          of("us"),
          ratio("us"),
          ...turns,
        ])
        console.error(rows.at(-1)?.join(" | "))
      }
    } finally {
      await close()
    }
  }
} finally {
  rmSync(folder, { recursive: true })
}
const header = [
  "from",
  "clients",
  "entries/s",
  "MB/s",
  "loop, entries/s",
  "× loop",
  "µs CPU an entry",
  "× loop",
  "longest turn, ms CPU",
  "longest delay, ms",
]
console.log(markdown([header, ...rows]))
