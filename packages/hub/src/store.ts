import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { memoryLog, type Log } from "onward"
import { sqliteLog } from "onward/sqlite"
import { kindOf, placeOf } from "./log-address.ts"
import { UsageError } from "./usage-error.ts"

/** Where a hub keeps its entries, opened. */
export interface Store {
  readonly log: Log
  /** Says where, to whoever runs the hub; nothing secret is in it. */
  readonly place: string
  /** Ends the connections that were opened for the log; the log is closed before. */
  readonly disconnect?: () => Promise<void>
}

const OPEN: Readonly<Record<string, (address: string) => Promise<Store>>> = {
  memory: async () => ({ log: memoryLog(), place: "in memory, and gone when this ends" }),
  async sqlite(address) {
    const path = address.slice("sqlite:".length)
    mkdirSync(dirname(path), { recursive: true })
    return { log: sqliteLog(path), place: `in ${path}` }
  },
}

/**
 * Opens the log at an address. Rejects with an `OnwardError` when it cannot be used, and with a `UsageError` when a package
 * is missing.
 */
export async function openStore(address: string): Promise<Store> {
  const open = OPEN[kindOf(address)]
  if (!open) throw new UsageError(`there is no log at ${placeOf(address)} yet`)
  return open(address)
}
