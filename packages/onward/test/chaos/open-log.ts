import type { Log } from "../../src/log/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"

/** How a process gets at the log, as it is told on its command line. */
export interface LogAddress {
  readonly kind: "sqlite"
  /** The file, or where the server listens. */
  readonly at: string
  /** Most entries kept; undefined: all. */
  readonly keeps: number | undefined
}

export async function openLog({ at, keeps }: LogAddress, now?: () => number): Promise<Log> {
  const retention = keeps === undefined ? {} : { count: keeps }
  return sqliteLog(at, { retention, ...(now && { now }) })
}
