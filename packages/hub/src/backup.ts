import { existsSync } from "node:fs"
import { backupSqliteLog, restoreSqliteLog } from "onward/sqlite"
import type { Config } from "./config/index.ts"
import { kindOf } from "./log-address.ts"
import { fileBeside } from "./store.ts"
import { UsageError } from "./usage-error.ts"

/** Logs beside that of the hub, which a backup has too. */
const BESIDE = ["runs", "control"] as const

/** `onward backup <file>`: copies the hub's SQLite files while it runs. Returns the files that were written. */
export function backup(config: Config, to: string): string[] {
  const path = sqlitePath(config, "backup")
  const pairs = [[path, to], ...BESIDE.map((name) => [fileBeside(path, name), fileBeside(to, name)])]
  const copied = pairs.filter(([from = ""]) => existsSync(from) || from === path)
  for (const [from = "", copy = ""] of copied) backupSqliteLog(from, copy)
  return copied.map(([, copy = ""]) => copy)
}

/** `onward restore <file>`: puts a backup in place, in a new epoch. Returns the files that were written, and those that were set aside. */
export function restore(config: Config, from: string): { readonly restored: string[]; readonly replaced: string[] } {
  const path = sqlitePath(config, "restore")
  const restored: string[] = []
  const replaced: string[] = []
  function put(copy: string, file: string): void {
    const old = restoreSqliteLog(copy, file)
    restored.push(file)
    if (old !== undefined) replaced.push(old)
  }
  put(from, path)
  for (const name of BESIDE) {
    const [copy, file] = [fileBeside(from, name), fileBeside(path, name)]
    // revocations that are newer than the backup stay
    if (existsSync(copy) && !(name === "control" && existsSync(file))) put(copy, file)
  }
  return { restored, replaced }
}

const INSTEAD: Readonly<Record<string, string>> = {
  memory: "A log in memory is gone when the hub ends",
  redis: "Use the snapshots of Redis",
  rediss: "Use the snapshots of Redis",
  postgres: "Use pg_dump, and SELECT onward.new_epoch() after a restore",
  postgresql: "Use pg_dump, and SELECT onward.new_epoch() after a restore",
  nats: "Use nats stream backup",
}

function sqlitePath({ log }: Config, command: string): string {
  if (kindOf(log) === "sqlite") return log.slice("sqlite:".length)
  throw new UsageError(
    `onward ${command} is for SQLite logs, and this log is in ${kindOf(log)}. ${INSTEAD[kindOf(log)]}.`,
  )
}
