import type { Clock } from "../clock.ts"
import type { LogInternals } from "../hub/index.ts"
import type { Ages } from "./ages.ts"
import { appendTogether } from "./append-together.ts"
import { guardLease } from "./lease.ts"
import type { RunTopic } from "./run-topic.ts"
import { messageOf, type RunRecord } from "./record.ts"
import { Replica } from "./replica.ts"

/** The runs that this process uses at the moment. */
export interface RunRegistry {
  /** Resolves to the run's replica, with all its records. Call `release` when done. Rejects with the error of the log. */
  acquire(place: RunTopic): Promise<Replica>
  release(replica: Replica): void
  /** Appends records of a run in one call. Rejects with the error of the log. */
  append(replica: Replica, records: readonly RunRecord[]): Promise<void>
  /** By topic. */
  readonly replicas: ReadonlyMap<string, Promise<Replica>>
}

export interface RegistryOptions {
  readonly internals: LogInternals
  readonly ages: Ages
  readonly lease: number
  readonly clock: Clock
}

export function createRegistry({ internals, ages, lease, clock }: RegistryOptions): RunRegistry {
  const replicas = new Map<string, Promise<Replica>>()
  const guards = new WeakMap<Replica, () => void>()
  const appendMessages = appendTogether(internals)

  const append = (replica: Replica, records: readonly RunRecord[]): Promise<void> =>
    appendMessages(records.map((record) => messageOf(replica.topic, record)))

  async function open(place: RunTopic): Promise<Replica> {
    const replica = new Replica(place)
    await Promise.all([replica.open(internals), ages.ready()])
    guards.set(replica, guardLease(replica, { clock, lease, append: (record) => append(replica, [record]) }))
    return replica
  }

  return {
    replicas,
    append,
    async acquire(place) {
      const { topic } = place
      const existing = replicas.get(topic)
      const opening = existing ?? open(place)
      if (!existing) {
        replicas.set(topic, opening)
        opening.catch(() => replicas.delete(topic))
      }
      const replica = await opening
      // its last user has released it in the meantime
      if (replicas.get(topic) !== opening) return this.acquire(place)
      replica.users++
      try {
        // the replica was opened before the run, which the caller may know from another process
        if (existing && !replica.records.opened) await replica.refresh()
      } catch (error) {
        this.release(replica)
        throw error
      }
      return replica
    },
    release(replica) {
      if (--replica.users > 0) return
      replicas.delete(replica.topic)
      guards.get(replica)?.()
      replica.close()
    },
  }
}
