import { mkdirSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, parse } from "node:path"
import { pathToFileURL } from "node:url"
import { memoryLog, OnwardError, type Log, type Retention } from "onward"
import { sqliteLog } from "onward/sqlite"
import { checkLog, kindOf, placeOf } from "./log-address.ts"
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
  /** Ends the connections that were opened for the logs; these are closed before. */
  readonly disconnect?: () => Promise<void>
}

/** A store, and how to get a log in it: that of the hub, or that of runs. */
interface Place extends Pick<Store, "place" | "disconnect"> {
  readonly open: (of: "hub" | "runs") => Log
}

type Find = (address: string) => Promise<Place>

const MIB = 1024 ** 2
/** Runs need no more than their own time and ten minutes; but however many words they come in, all of them. */
const keptRuns = (mib: number): Retention => ({ age: 2 * 3_600_000, bytes: mib * MIB })
/** On disks. */
const MUCH = keptRuns(1024)
/** In the memory of a server, or of this process. */
const LITTLE = keptRuns(256)

const FIND: Readonly<Record<string, Find>> = {
  memory: async () => ({
    open: (of) => memoryLog(of === "runs" ? { retention: LITTLE } : {}),
    place: "in memory, and gone when this ends",
  }),
  async sqlite(address) {
    const path = address.slice("sqlite:".length)
    makeFolder(path)
    return {
      open: (of) => (of === "runs" ? sqliteLog(runsBeside(path), { retention: MUCH }) : sqliteLog(path)),
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
export async function openStore(address: string): Promise<Store> {
  checkLog(address)
  const { open, place, disconnect } = await (FIND[kindOf(address)] as Find)(address)
  try {
    const log = await usable(open("hub"))
    return { log, place, openRuns: () => usable(open("runs")), ...(disconnect && { disconnect }) }
  } catch (error) {
    await disconnect?.()
    // a log knows nothing of addresses; whoever gave one wants to know which it is
    if (!disconnect || !(error instanceof OnwardError)) throw error
    throw new OnwardError(error.code, `the log ${place} cannot be used: ${error.message}`, { cause: error })
  }
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
function runsBeside(path: string): string {
  const { dir, name, ext } = parse(path)
  return join(dir, `${name}.runs${ext}`)
}

async function findRedis(address: string): Promise<Place> {
  const { Redis } = await installed("ioredis", () => import("ioredis"))
  const { redisLog } = await import("onward/redis")
  const client = new Redis(address)
  // what goes wrong is told by the calls it goes wrong for
  client.on("error", () => {})
  return {
    open: (of) => redisLog(client, of === "runs" ? { name: "runs", retention: LITTLE } : {}),
    place: `at ${placeOf(address)}`,
    disconnect: async () => client.disconnect(),
  }
}

async function findPostgres(address: string): Promise<Place> {
  const { Pool } = await installed("pg", () => import("pg")).then((pg) => pg.default)
  const { postgresLog } = await import("onward/postgres")
  const pool = new Pool({ connectionString: address, application_name: "onward" })
  // a connection that ends while nobody uses it; the next call makes another
  pool.on("error", () => {})
  return {
    open: (of) => postgresLog(pool, of === "runs" ? { schema: "onward_runs", retention: MUCH } : {}),
    place: `at ${placeOf(address)}`,
    disconnect: () => pool.end(),
  }
}

async function findNats(address: string): Promise<Place> {
  const { connect } = await installed("@nats-io/transport-node", () => import("@nats-io/transport-node"))
  const { natsLog } = await import("onward/nats")
  const { username, password, host } = new URL(address)
  const place = `at ${placeOf(address)}`
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
    open: (of) => natsLog(connection, of === "runs" ? { stream: "ONWARD_RUNS", retention: LITTLE } : {}),
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
