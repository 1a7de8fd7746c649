import { mkdirSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, parse } from "node:path"
import { pathToFileURL } from "node:url"
import { memoryLog, OnwardError, type Log, type Retention } from "onward"
import { sqliteLog } from "onward/sqlite"
import { databaseOf, kindOf } from "./log-address.ts"
import { UsageError } from "./usage-error.ts"

/** Where a hub keeps its entries, opened. */
export interface Store {
  readonly log: Log
  /** Says where, to whoever runs the hub; nothing secret is in it. */
  readonly place: string
  /**
   * Opens one more log in the same store, for runs: hubs that share the log share it too, but nobody can subscribe to it. It is to be
   * closed before `disconnect`. Rejects with an `OnwardError` when it cannot be used.
   */
  readonly openRuns: () => Promise<Log>
  /** The same for what hubs tell each other about authentication, which is kept for so many ms. */
  readonly openControl: (keep: number) => Promise<Log>
  /** Ends the connections that were opened for the logs; these are closed before. */
  readonly disconnect?: () => Promise<void>
}

/** A store, and how to get a log in it: that of the hub, or one beside it, by its name. */
interface StoreDriver extends Pick<Store, "place" | "disconnect"> {
  readonly open: (beside?: Beside) => Log
}

/** A log beside that of the hub. */
interface Beside {
  readonly name: "runs" | "control"
  /** What it keeps on disks. */
  readonly onDisk: Retention
  /** What it keeps in the memory of a server, or of this process. */
  readonly inMemory: Retention
}

type Find = (address: string, retention: Retention | undefined) => Promise<StoreDriver>

const MIB = 1024 ** 2
/** Runs need no more than their own time and ten minutes; but however many words they come in, all of them. */
const keptRuns = (mib: number): Retention => ({ age: 2 * 3_600_000, bytes: mib * MIB })
const RUNS: Beside = { name: "runs", onDisk: keptRuns(1024), inMemory: keptRuns(256) }

/** By age, as an entry must not go before it has done its work; the number of each kind bounds what clients can make it hold. */
function control(keep: number): Beside {
  const retention: Retention = { age: keep, topic: { count: 20_000 } }
  return { name: "control", onDisk: retention, inMemory: retention }
}

const FIND: Readonly<Record<string, Find>> = {
  memory: async (_, retention) => ({
    open: (beside) => memoryLog(beside ? { retention: beside.inMemory } : kept(retention)),
    place: "in memory, and gone when this ends",
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
    }
  },
  redis: findRedis,
  rediss: findRedis,
  postgres: findPostgres,
  postgresql: findPostgres,
  nats: findNats,
}

/**
 * Opens the log at an address. Rejects with an `OnwardError` when it cannot be used, and with a `UsageError` when a package
 * is missing.
 */
export async function openStore(address: string, settings: RetentionSettings = {}): Promise<Store> {
  const { open, place, disconnect } = await (FIND[kindOf(address)] as Find)(address, toRetention(settings))
  try {
    const log = await usable(open())
    return {
      log,
      place,
      openRuns: () => usable(open(RUNS)),
      openControl: (keep) => usable(open(control(keep))),
      ...(disconnect && { disconnect }),
    }
  } catch (error) {
    await disconnect?.()
    // a log knows nothing of addresses; whoever gave one wants to know which it is
    if (!disconnect || !(error instanceof OnwardError)) throw error
    throw new OnwardError(error.code, `the log ${place} cannot be used: ${error.message}`, { cause: error })
  }
}

/** The retention of the hub's log; the store's own without one. */
const kept = (retention: Retention | undefined): { retention?: Retention } => (retention ? { retention } : {})

/** What a configuration says of retention: nothing of it means the store's own default. */
type RetentionSettings = Omit<Retention, "topic"> & { readonly topic?: Retention["topic"] }

function toRetention({ topic = {}, ...whole }: RetentionSettings): Retention | undefined {
  const hasTopic = Object.keys(topic).length > 0
  if (Object.keys(whole).length === 0 && !hasTopic) return undefined
  return { ...whole, ...(hasTopic && { topic }) }
}

/** An address nobody can use is said now, not by every request. Asked twice, as a machine that has just started is slow. */
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
  const { Redis } = await installed("ioredis", () => import("ioredis"))
  const { redisLog } = await import("onward/redis")
  const client = new Redis(address)
  // what goes wrong is told by the calls it goes wrong for
  client.on("error", () => {})
  return {
    open: (beside) => redisLog(client, beside ? { name: beside.name, retention: beside.inMemory } : kept(retention)),
    place: `at ${databaseOf(address)}`,
    disconnect: async () => client.disconnect(),
  }
}

async function findPostgres(address: string, retention: Retention | undefined): Promise<StoreDriver> {
  const { Pool } = await installed("pg", () => import("pg")).then((pg) => pg.default)
  const { postgresLog } = await import("onward/postgres")
  const pool = new Pool({ connectionString: address, application_name: "onward" })
  // a connection that ends while nobody uses it; the next call makes another
  pool.on("error", () => {})
  return {
    open: (beside) =>
      postgresLog(pool, beside ? { schema: `onward_${beside.name}`, retention: beside.onDisk } : kept(retention)),
    place: `at ${databaseOf(address)}`,
    disconnect: () => pool.end(),
  }
}

async function findNats(address: string, retention: Retention | undefined): Promise<StoreDriver> {
  const { connect } = await installed("@nats-io/transport-node", () => import("@nats-io/transport-node"))
  const { natsLog } = await import("onward/nats")
  const { username, password, host } = new URL(address)
  const place = `at ${databaseOf(address)}`
  const [user, pass] = [username, password].map(decodeURIComponent)
  const connection = await connect({
    servers: host,
    // for ever: subscribers stay while the store is away
    maxReconnectAttempts: -1,
    ...(user && (pass ? { user, pass } : { token: user })),
  }).catch((cause: unknown) => {
    const isDenied = /authori[sz]ation|authentication/i.test(String(cause))
    const [code, what] = isDenied
      ? (["log_denied", "it turned down this user or password"] as const)
      : (["log_unavailable", "it does not answer: is it running, and is this its address?"] as const)
    throw new OnwardError(code, `the log ${place}: ${what}`, { cause })
  })
  return {
    open: (beside) =>
      natsLog(
        connection,
        beside ? { stream: `ONWARD_${beside.name.toUpperCase()}`, retention: beside.inMemory } : kept(retention),
      ),
    place,
    disconnect: () => connection.close(),
  }
}

/**
 * The client of a store: beside this package, or in the folder the hub is started in, as whoever came by npx or installed it for the whole
 * machine has no other.
 */
async function installed<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load()
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  try {
    const path = createRequire(join(process.cwd(), "package.json")).resolve(name)
    return (await import(pathToFileURL(path).href)) as Module
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new UsageError(`this log needs a client that is not installed: npm install ${name}`)
  }
}

const isMissing = (error: unknown): boolean =>
  ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes((error as { readonly code?: string }).code ?? "")
