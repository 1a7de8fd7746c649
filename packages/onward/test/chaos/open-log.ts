import type { Redis } from "ioredis"
import type { Clock } from "../../src/clock.ts"
import type { Appended, Log, Retention } from "../../src/log/index.ts"
import { OnwardError } from "../../src/errors.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"

/** How a process gets at the log, as it is told on its command line. */
export interface LogAddress {
  readonly kind: "sqlite" | "postgres" | "redis" | "nats"
  /** The file, or where the server listens. */
  readonly at: string
  /** Most entries kept; undefined: all. */
  readonly keeps: number | undefined
  /** Whether what is acknowledged need only be on one server, so that a failover may lose it. */
  readonly mayLose?: boolean
}

interface Opening {
  readonly at: string
  readonly retention: Retention
  readonly mayLose: boolean
  readonly clock?: Clock
}

/** What a log does not close, since it did not open it. */
type Undo = () => Promise<unknown>

const OPENERS: Readonly<Record<LogAddress["kind"], (opening: Opening) => Promise<{ log: Log; undo?: Undo }>>> = {
  sqlite: async ({ at, mayLose: _, ...options }) => ({ log: sqliteLog(at, options) }),

  async postgres({ at, mayLose: _, ...options }) {
    const { default: pg } = await import("pg")
    const { postgresLog } = await import("../../src/log/postgres/index.ts")
    const pool = new pg.Pool({ connectionString: at, max: 5, connectionTimeoutMillis: 2_000 })
    pool.on("error", () => {}) // what fails is told by the calls that fail
    return { log: postgresLog(pool, options), undo: () => pool.end() }
  },

  async redis({ at, mayLose, ...options }) {
    const { Redis } = await import("ioredis")
    const { redisLog } = await import("../../src/log/redis/index.ts")
    const client = new Redis(at, { connectTimeout: 2_000, retryStrategy: () => 100, maxRetriesPerRequest: 0 })
    client.on("error", () => {}) // what fails is told by the calls that fail
    const log = redisLog(client, options)
    const undo = async (): Promise<void> => client.disconnect()
    if (mayLose) return { log, undo }
    return { log: { ...log, append: async (messages) => replicated(client, await log.append(messages)) }, undo }
  },

  async nats({ at, mayLose: _, ...options }) {
    const { connect } = await import("@nats-io/transport-node")
    const { natsLog } = await import("../../src/log/nats/index.ts")
    // the others of the cluster would be told by their own ports, past the link
    const connection = await connect({
      servers: at,
      ignoreClusterUpdates: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      pingInterval: 1_000,
      maxPingOut: 3,
    })
    return { log: natsLog(connection, { ...options, replicas: 3 }), undo: () => connection.close() }
  },
}

/** What was appended, once the replica has it, too. */
async function replicated(client: Redis, appended: Appended): Promise<Appended> {
  if (Number(await client.call("WAIT", "1", "1000")) > 0) return appended
  throw new OnwardError("log_unavailable", "no replica has it yet")
}

export async function openLog({ kind, at, keeps, mayLose = false }: LogAddress, clock?: Clock): Promise<Log> {
  const retention = keeps === undefined ? {} : { count: keeps }
  const { log, undo } = await OPENERS[kind]({ at, retention, mayLose, ...(clock && { clock }) })
  return {
    ...log,
    async close() {
      await log.close()
      await undo?.()
    },
  }
}
