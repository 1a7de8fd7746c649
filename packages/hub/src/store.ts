import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { memoryLog, OnwardError, type Log } from "onward"
import { sqliteLog } from "onward/sqlite"
import { checkLog, kindOf, placeOf } from "./log-address.ts"
import { UsageError } from "./usage-error.ts"

/** Where a hub keeps its entries, opened. */
export interface Store {
  readonly log: Log
  /** Says where, to whoever runs the hub; nothing secret is in it. */
  readonly place: string
  /** Ends the connections that were opened for the log; the log is closed before. */
  readonly disconnect?: () => Promise<void>
}

type Open = (address: string) => Promise<Store>

const OPEN: Readonly<Record<string, Open>> = {
  memory: async () => ({ log: memoryLog(), place: "in memory, and gone when this ends" }),
  async sqlite(address) {
    const path = address.slice("sqlite:".length)
    mkdirSync(dirname(path), { recursive: true })
    return { log: sqliteLog(path), place: `in ${path}` }
  },
  redis: openRedis,
  rediss: openRedis,
  postgres: openPostgres,
  postgresql: openPostgres,
  nats: openNats,
}

/**
 * Opens the log at an address. Rejects with an `OnwardError` when it cannot be used, and with a `UsageError` when a package
 * is missing.
 */
export async function openStore(address: string): Promise<Store> {
  checkLog(address)
  const store = await (OPEN[kindOf(address)] as Open)(address)
  try {
    // an address nobody can use is said now, not by every request
    await store.log.bounds()
    return store
  } catch (error) {
    await store.log.close()
    await store.disconnect?.()
    throw error
  }
}

async function openRedis(address: string): Promise<Store> {
  const { Redis } = await installed("ioredis", () => import("ioredis"))
  const { redisLog } = await import("onward/redis")
  const client = new Redis(address)
  // what goes wrong is told by the calls it goes wrong for
  client.on("error", () => {})
  return { log: redisLog(client), place: `at ${placeOf(address)}`, disconnect: async () => client.disconnect() }
}

async function openPostgres(address: string): Promise<Store> {
  const { Pool } = await installed("pg", () => import("pg")).then((pg) => pg.default)
  const { postgresLog } = await import("onward/postgres")
  const pool = new Pool({ connectionString: address, application_name: "onward" })
  // a connection that ends while nobody uses it; the next call makes another
  pool.on("error", () => {})
  return { log: postgresLog(pool), place: `at ${placeOf(address)}`, disconnect: () => pool.end() }
}

async function openNats(address: string): Promise<Store> {
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
  return { log: natsLog(connection), place, disconnect: () => connection.close() }
}

async function installed<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load()
  } catch (error) {
    if ((error as { readonly code?: string }).code !== "ERR_MODULE_NOT_FOUND") throw error
    throw new UsageError(`this log needs a client that is not installed: npm install ${name}`)
  }
}
