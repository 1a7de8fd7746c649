import type { Clock } from "../clock.ts"
import type { Log } from "../log/index.ts"
import type { LogOperation, Observe } from "./observation.ts"

/** A log that reports its operations: for a hub with `observe`, so that one without it pays nothing. */
export function observedLog(log: Log, observe: Observe, clock: Clock): Log {
  async function observed<T>(operation: LogOperation, ask: () => Promise<T>): Promise<T> {
    const startedAt = clock.monotonic()
    try {
      const answer = await ask()
      observe({ type: "log", operation, duration: clock.monotonic() - startedAt })
      return answer
    } catch (error) {
      observe({ type: "log", operation, duration: clock.monotonic() - startedAt, error })
      throw error
    }
  }

  const asked: Pick<Log, LogOperation> = {
    append: (messages) => observed("append", () => log.append(messages)),
    read: (query) => observed("read", () => log.read(query)),
    locate: (landmark) => observed("locate", () => log.locate(landmark)),
    bounds: () => observed("bounds", () => log.bounds()),
  }
  // of the log itself: what else it can do, which depends on the driver
  return new Proxy(log, {
    get(target, name) {
      if (Object.hasOwn(asked, name)) return asked[name as LogOperation]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === "function" ? (value.bind(target) as unknown) : value
    },
  })
}
