import { memoryLog, type Log } from "onward/log"

/** Where the entries of a hub under test are. */
export type LogSpec =
  | { readonly kind: "memory" }
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "postgres"; readonly url: string }
  | { readonly kind: "redis"; readonly url: string }

/** More than any scenario stores: retention is measured elsewhere. */
const retention = { count: 10_000_000, bytes: 2 ** 40 }

/** Opens a log that nothing is removed from. */
export async function openLog(spec: LogSpec): Promise<Log> {
  if (spec.kind === "memory") return memoryLog({ retention })
  if (spec.kind === "sqlite") {
    const { sqliteLog } = await import("onward/sqlite")
    return sqliteLog(spec.path, { retention, durability: "normal" })
  }
  if (spec.kind === "postgres") {
    const [{ postgresLog }, { Pool }] = await Promise.all([import("onward/postgres"), import("pg")])
    return postgresLog(new Pool({ connectionString: spec.url }), { retention, timeout: 60_000 })
  }
  const [{ redisLog }, { Redis }] = await Promise.all([import("onward/redis"), import("ioredis")])
  return redisLog(new Redis(spec.url), { retention, timeout: 60_000 })
}
