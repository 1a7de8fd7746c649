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
        await log.append(Array.from({ length: batch }, (_, i) => ({ topic: "nobody", data: payload(from + i, 200) })))
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

console.log(
  `### capacity\n\nEntries of 200 bytes that no stream of the hub asks for. Load ${figure(loadavg()[0] ?? 0)}.\n`,
)
const rows: string[][] = []
try {
  for (const kind of flags.stores.split(",")) {
    const store = await openStore(kind)
    try {
      for (const batch of BATCHES) rows.push([kind, String(batch), ...(await measure(store, batch))])
    } finally {
      await store.close()
    }
  }
} finally {
  rmSync(folder, { recursive: true })
}
const header = ["log", "entries a commit", "µs CPU, hub", "µs CPU, publisher", "µs CPU, store", "entries/s"]
console.log(markdown([header, ...rows]))
process.exit()
