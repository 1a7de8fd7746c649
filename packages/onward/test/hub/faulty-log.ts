import { OnwardError } from "../../src/errors.ts"
import { memoryLog, type Log } from "../../src/log/index.ts"

/** A memory log whose store can be away. */
export interface FaultyLog extends Log {
  /** While set, every call rejects with it. */
  failure: Error | undefined
  /** Calls that were made. */
  calls: Record<"append" | "read" | "bounds" | "locate" | "watch", number>
}

export const unavailable = new OnwardError("log_unavailable", "the store is away")

export function faultyLog(inner: Log = memoryLog({ epoch: "life0000" })): FaultyLog {
  const calls = { append: 0, read: 0, bounds: 0, locate: 0, watch: 0 }
  const call = async <T>(name: keyof typeof calls, act: () => Promise<T>): Promise<T> => {
    calls[name]++
    if (log.failure) throw log.failure
    return act()
  }
  const log: FaultyLog = {
    failure: undefined,
    calls,
    append: (messages) => call("append", () => inner.append(messages)),
    read: (query) => call("read", () => inner.read(query)),
    bounds: () => call("bounds", () => inner.bounds()),
    locate: (landmark) => call("locate", () => inner.locate(landmark)),
    watch: (wake) => call("watch", () => inner.watch(wake)),
    close: () => inner.close(),
  }
  return log
}
