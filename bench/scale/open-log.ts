import { memoryLog, type Log } from "onward/log"

/** Where the entries of a hub under test are. */
export type LogSpec =
  | { readonly kind: "memory" }
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "postgres"; readonly url: string }
  | { readonly kind: "redis"; readonly url: string }

/** More than any scenario stores: retention is measured elsewhere. */
const retention = { count: 10_000_000, bytes: 2 ** 40 }

/** A log that nothing is removed from, with its client. */
export interface OpenLog {
  readonly log: Log
  close(): Promise<void>
}

export async function openLog(spec: LogSpec): Promise<OpenLog> {
  if (spec.kind === "memory") return closing(memoryLog({ retention }))
  if (spec.kind === "sqlite") {
    const { sqliteLog } = await import("onward/sqlite")
    return closing(sqliteLog(spec.path, { retention, durability: "normal" }))
  }
  if (spec.kind === "postgres") {
    const [{ postgresLog }, { default: pg }] = await Promise.all([import("onward/postgres"), import("pg")])
    const pool = new pg.Pool({ connectionString: spec.url })
    return closing(postgresLog(pool, { retention, timeout: 60_000 }), () => pool.end())
  }
  const [{ redisLog }, { Redis }] = await Promise.all([import("onward/redis"), import("ioredis")])
  const client = new Redis(spec.url)
  return closing(redisLog(client, { retention, timeout: 60_000 }), () => client.quit())
}

const closing = (log: Log, end?: () => Promise<unknown>): OpenLog => ({
  log,
  async close() {
    await log.close()
    await end?.()
  },
})
