import { mkdirSync } from "node:fs"
import { stat } from "node:fs/promises"
import { dirname, join, parse } from "node:path"
import { memoryLog, OnwardError, type Log, type Retention } from "onward"
import { parsePosition } from "onward/log"
import { sqliteLog } from "onward/sqlite"
import { installed } from "./installed.ts"
import { databaseOf, kindOf } from "./log-address.ts"
import { redisSize } from "./redis-size.ts"

/** The open store of a hub's entries. */
export interface Store {
  readonly log: Log
  /** Where the store is, as text for the operator, without secrets. */
  readonly place: string
  /**
   * Opens another log in the same store, for runs. Hubs that share the log share this one too, but clients cannot subscribe to it. Close it
   * before `disconnect`. Rejects with an `OnwardError` if it cannot be used.
   */
  readonly openRuns: () => Promise<Log>
  /** Opens another log, for the hubs' messages about authentication. They are kept for `keep` ms. */
  readonly openControl: (keep: number) => Promise<Log>
  /** Opens another log, for the hubs' events that wait for webhooks. */
  readonly openWebhooks: () => Promise<Log>
  /** Size of the hub's log in the store, in bytes, measured by the store; undefined for a log in memory. */
  readonly bytes: () => Promise<number | undefined>
  /** Ends the connections of the logs, which must be closed before. */
  readonly disconnect?: () => Promise<void>
}

/** A store with a function that opens the hub's log, or another log beside it. */
interface StoreDriver extends Pick<Store, "place" | "disconnect"> {
  readonly open: (beside?: Beside) => Log
  /** Measures the hub's log, whose positions have this epoch. */
  readonly bytes?: (epoch: string) => Promise<number | undefined>
}

/** A log beside the hub's. */
interface Beside {
  readonly name: "runs" | "control" | "webhooks"
  /** The retention in a store on disk. */
  readonly onDisk: Retention
  /** The retention in the memory of a server or of this process. */
  readonly inMemory: Retention
}

type Find = (address: string, retention: Retention | undefined) => Promise<StoreDriver>

const MIB = 1024 ** 2
/** Runs are limited by age and size, not by count, because every entry of a run is needed. */
const keptRuns = (mib: number): Retention => ({ age: 2 * 3_600_000, bytes: mib * MIB })
const RUNS: Beside = { name: "runs", onDisk: keptRuns(1024), inMemory: keptRuns(256) }

/** Limited by age, because entries are needed that long. The count of each topic limits what clients can add. */
function control(keep: number): Beside {
  const retention: Retention = { age: keep, topic: { count: 20_000 } }
  return { name: "control", onDisk: retention, inMemory: retention }
}

/** Beyond these limits the oldest events are dropped. */
const QUEUE: Retention = { count: 50_000, bytes: 32 * MIB, age: 7 * 86_400_000 }
const WEBHOOKS: Beside = { name: "webhooks", onDisk: QUEUE, inMemory: QUEUE }

const FIND: Readonly<Record<string, Find>> = {
  memory: async (_, retention) => ({
    open: (beside) => memoryLog(beside ? { retention: beside.inMemory } : kept(retention)),
    place: "in memory, and lost when the process ends",
  }),
  async sqlite(address, retention) {
    const path = address.slice("sqlite:".length)
    makeFolder(path)
    return {
      open: (beside) =>
        beside
          ? sqliteLog(fileBeside(path, beside.name), { retention: beside.onDisk })
          : sqliteLog(path, kept(retention)),
      place: `in ${path}`,
      async bytes() {
        const sizes = await Promise.all([path, `${path}-wal`].map((file) => stat(file).catch(() => ({ size: 0 }))))
        return sizes.reduce((sum, { size }) => sum + size, 0)
      },
    }
  },
  redis: findRedis,
  rediss: findRedis,
  postgres: findPostgres,
  postgresql: findPostgres,
  nats: findNats,
}

/**
 * Opens the log at an address. Rejects with an `OnwardError` if it cannot be used, and with a `UsageError` if a package is missing.
 */
export async function openStore(address: string, settings: RetentionSettings = {}): Promise<Store> {
  const { open, place, disconnect, bytes } = await (FIND[kindOf(address)] as Find)(address, toRetention(settings))
  try {
    const log = await usable(open())
    return {
      log,
      place,
      openRuns: () => usable(open(RUNS)),
      openWebhooks: () => usable(open(WEBHOOKS)),
      openControl: (keep) => usable(open(control(keep))),
      bytes: async () => bytes?.(parsePosition((await log.bounds()).last)?.epoch ?? ""),
      ...(disconnect && { disconnect }),
    }
  } catch (error) {
    await disconnect?.()
    // the log's error does not contain the address
    if (!disconnect || !(error instanceof OnwardError)) throw error
    throw new OnwardError(error.code, `The log ${place} cannot be used: ${error.message}`, { cause: error })
  }
}

/** The retention of the hub's log; the store's own without one. */
const kept = (retention: Retention | undefined): { retention?: Retention } => (retention ? { retention } : {})

/** The retention in a configuration. Without settings, the store's default applies. */
type RetentionSettings = Omit<Retention, "topic"> & { readonly topic?: Retention["topic"] }

function toRetention({ topic = {}, ...whole }: RetentionSettings): Retention | undefined {
  const hasTopic = Object.keys(topic).length > 0
  if (Object.keys(whole).length === 0 && !hasTopic) return undefined
  return { ...whole, ...(hasTopic && { topic }) }
}

/** Tests the log now, instead of at the first request. Retries once, because a machine that has just started is slow. */
async function usable(log: Log): Promise<Log> {
  try {
    await log.bounds().catch((error: unknown) => {
      if (error instanceof OnwardError && error.code === "log_unavailable") return log.bounds()
      throw error
    })
    return log
  } catch (error) {
    await log.close()
    throw error
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
  } catch (cause) {
    const { code = "" } = cause as { readonly code?: string }
    const isClosed = ["EACCES", "EPERM", "EROFS"].includes(code)
    throw new OnwardError(
      isClosed ? "log_readonly" : "log_unavailable",
      `log ${path}: its folder cannot be made (${code}): choose another path${isClosed ? ", or change the permissions" : ""}`,
      { cause },
    )
  }
}

/** A file beside that of the hub: `events.runs.db` for `events.db`. */
export function fileBeside(path: string, of: Beside["name"]): string {
  const { dir, name, ext } = parse(path)
  return join(dir, `${name}.${of}${ext}`)
}

async function findRedis(address: string, retention: Retention | undefined): Promise<StoreDriver> {
  const { Redis } = await installed("This log needs the package", "ioredis", () => import("ioredis"))
  const { redisLog } = await import("onward/redis")
  const client = new Redis(address)
  // the failing calls report the error
  client.on("error", () => {})
  return {
    open: (beside) => redisLog(client, beside ? { name: beside.name, retention: beside.inMemory } : kept(retention)),
    place: `at ${databaseOf(address)}`,
    bytes: (epoch) => redisSize(client, "onward:{log}", epoch),
    disconnect: async () => client.disconnect(),
  }
}

async function findPostgres(address: string, retention: Retention | undefined): Promise<StoreDriver> {
  const { Pool } = await installed("This log needs the package", "pg", () => import("pg")).then((pg) => pg.default)
  const { postgresLog } = await import("onward/postgres")
  const pool = new Pool({ connectionString: address, application_name: "onward" })
  // an idle connection ended; the next call opens another
  pool.on("error", () => {})
  return {
    open: (beside) =>
      postgresLog(pool, beside ? { schema: `onward_${beside.name}`, retention: beside.onDisk } : kept(retention)),
    place: `at ${databaseOf(address)}`,
    async bytes() {
      const { rows } = await pool.query<{ bytes: string }>(
        "SELECT sum(pg_total_relation_size(oid)) AS bytes FROM pg_class WHERE relnamespace = 'onward'::regnamespace AND relkind = 'r'",
      )
      return Number(rows[0]?.bytes)
    },
    disconnect: () => pool.end(),
  }
}

async function findNats(address: string, retention: Retention | undefined): Promise<StoreDriver> {
  const { connect } = await installed(
    "This log needs the package",
    "@nats-io/transport-node",
    () => import("@nats-io/transport-node"),
  )
  const { natsLog } = await import("onward/nats")
  const { username, password, host } = new URL(address)
  const place = `at ${databaseOf(address)}`
  const [user, pass] = [username, password].map(decodeURIComponent)
  const connection = await connect({
    servers: host,
    // unlimited: subscribers stay connected while the store is unavailable
    maxReconnectAttempts: -1,
    ...(user && (pass ? { user, pass } : { token: user })),
  }).catch((cause: unknown) => {
    const isDenied = /authori[sz]ation|authentication/i.test(String(cause))
    const [code, what] = isDenied
      ? (["log_denied", "refuses this user or password. Check --log."] as const)
      : (["log_unavailable", "does not answer. Check that it is running, and that --log has its address."] as const)
    throw new OnwardError(code, `The log ${place} ${what}`, { cause })
  })
  return {
    open: (beside) =>
      natsLog(
        connection,
        beside ? { stream: `ONWARD_${beside.name.toUpperCase()}`, retention: beside.inMemory } : kept(retention),
      ),
    place,
    async bytes() {
      const { data } = await connection.request("$JS.API.STREAM.INFO.ONWARD", "", { timeout: 2_000 })
      return (JSON.parse(new TextDecoder().decode(data)) as { state?: { bytes: number } }).state?.bytes
    },
    disconnect: () => connection.close(),
  }
}
