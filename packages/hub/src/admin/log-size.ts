import { stat } from "node:fs/promises"
import type { Log } from "onward"
import { parsePosition } from "onward/log"
import { kindOf } from "../log-address.ts"

/** What the log keeps, for the overview. */
export interface LogSize {
  readonly isUp: boolean
  /** Positions from the oldest to the newest entry: the number of entries, or more where retention of topics removed some in between. */
  readonly entries?: number
  /** When the oldest kept entry was stored, in ms since 1970; undefined while it is empty. */
  readonly oldestAt?: number | undefined
  /** Size of its file with the write-ahead log; undefined for a log that is not a file. */
  readonly bytes?: number | undefined
}

/** Measures a log. @param address the setting `log` */
export async function measureLog(log: Log, address: string): Promise<LogSize> {
  try {
    const { first, last } = await log.bounds()
    const { entries } = await log.read({ after: first, limit: 1 })
    const from = parsePosition(first)?.sequence ?? 0
    const to = parsePosition(last)?.sequence ?? 0
    return { isUp: true, entries: Math.max(0, to - from), oldestAt: entries[0]?.time, bytes: await bytesOf(address) }
  } catch {
    return { isUp: false }
  }
}

async function bytesOf(address: string): Promise<number | undefined> {
  if (kindOf(address) !== "sqlite") return undefined
  const path = address.slice("sqlite:".length)
  const sizes = await Promise.all(
    [path, `${path}-wal`].map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
