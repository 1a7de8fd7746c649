import type { Log, Retention } from "../../src/log/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"

/** How a process gets at the log, as it is told on its command line. */
export interface LogAddress {
  readonly kind: "sqlite" | "nats"
  /** The file, or where the server listens. */
  readonly at: string
  /** Most entries kept; undefined: all. */
  readonly keeps: number | undefined
}

interface Opening {
  readonly at: string
  readonly retention: Retention
  readonly now?: () => number
}

/** What a log does not close, since it did not open it. */
type Undo = () => Promise<unknown>

const OPENERS: Readonly<Record<LogAddress["kind"], (opening: Opening) => Promise<{ log: Log; undo?: Undo }>>> = {
  sqlite: async ({ at, ...options }) => ({ log: sqliteLog(at, options) }),

  async nats({ at, ...options }) {
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

export async function openLog({ kind, at, keeps }: LogAddress, now?: () => number): Promise<Log> {
  const retention = keeps === undefined ? {} : { count: keeps }
  const { log, undo } = await OPENERS[kind]({ at, retention, ...(now && { now }) })
  return {
    ...log,
    async close() {
      await log.close()
      await undo?.()
    },
  }
}
