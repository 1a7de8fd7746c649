import type { Log } from "onward"
import { parsePosition } from "onward/log"
import type { Store } from "../store.ts"

/** What the log keeps, for the overview. */
export interface LogSize {
  readonly isUp: boolean
  /** Positions from the oldest to the newest entry: the number of entries, or more where retention of topics removed some in between. */
  readonly entries?: number
  /** When the oldest kept entry was stored, in ms since 1970; undefined while it is empty. */
  readonly oldestAt?: number | undefined
  /** Its size in the store; undefined for a log in memory, and for a store that does not say. */
  readonly bytes?: number | undefined
}

/** Measures the hub's log. */
export async function measureLog({ log, bytes }: Pick<Store, "log" | "bytes">): Promise<LogSize> {
  try {
    const { first, last } = await log.bounds()
    const [{ entries }, size] = await Promise.all([
      log.read({ after: first, limit: 1 }),
      bytes().catch(() => undefined),
    ])
    const from = parsePosition(first)?.sequence ?? 0
    const to = parsePosition(last)?.sequence ?? 0
    return { isUp: true, entries: Math.max(0, to - from), oldestAt: entries[0]?.time, bytes: size }
  } catch {
    return { isUp: false }
  }
}

/** How long ago the first entry was stored that this process has not delivered, in ms; 0 when it has delivered all, undefined when the log is away. */
export async function tailLag(log: Log, position: string): Promise<number | undefined> {
  // the process has not begun
  if (position === "") return undefined
  try {
    const { entries } = await log.read({ after: position, limit: 1 })
    return entries[0] ? Math.max(0, Date.now() - entries[0].time) : 0
  } catch {
    return undefined
  }
}
