import { OnwardError } from "../errors.ts"
import { markOf } from "./record.ts"
import type { RunRegistry } from "./registry.ts"
import type { Replica } from "./replica.ts"

/** Maximum number of failed starts that are remembered until they are repeated. */
const MAX_CLAIMS = 1_000
/** Maximum number of times that a claim is written. Each further one follows a log that was recreated. */
const MAX_TRIES = 5

/** Claims ids for runs: of several starts, in any process, the log decides which one produces the run. */
export interface Claims {
  /**
   * Writes an `open` record, again if the log was recreated before this process read the record. Rejects with what the log rejects with, unless
   * it stored the record.
   */
  claim(replica: Replica): Promise<void>
  /** The name of the attempt that was claimed here; undefined without a claim. Forgets it. */
  take(replica: Replica): string | undefined
}

export function createClaims(registry: Pick<RunRegistry, "append">, format: string): Claims {
  /** Names of attempts by topic. A failed start may have been stored; when it is repeated, its name shows that it won. */
  const names = new Map<string, string>()

  return {
    async claim(replica) {
      const by = names.get(replica.topic) ?? markOf()
      replica.attempt = by
      names.set(replica.topic, by)
      if (names.size > MAX_CLAIMS) names.delete(names.keys().next().value as string)
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        try {
          await registry.append(replica, [{ type: "open", by, format }])
        } catch (error) {
          // the log may have stored it although it failed
          await replica.refresh()
          if (!replica.records.isOpen) throw error
        }
        // another process may have been first: the log decides
        if (!replica.records.isOpen) await replica.refresh()
        if (replica.records.isOpen || replica.isTrimmed) return
      }
      throw new OnwardError(
        "log_unavailable",
        `The log lost the start of this run ${MAX_TRIES} times. Check its server.`,
      )
    },
    take({ topic }) {
      const by = names.get(topic)
      names.delete(topic)
      return by
    },
  }
}
