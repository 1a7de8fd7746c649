import type { Clock } from "../clock.ts"
import type { LogInternals } from "../hub/index.ts"
import type { RunTopic, RunTopics } from "./run-topic.ts"
import type { RunRegistry } from "./registry.ts"

/** Maximum number of watched runs. Beyond it the oldest are removed; the next caller that asks for such a run checks it. */
const MAX_RUNS = 10_000

export interface SweepOptions {
  readonly internals: LogInternals
  readonly clock: Clock
  readonly registry: RunRegistry
  readonly topics: RunTopics
  readonly lease: number
}

/**
 * Watches each run that this process has seen start. For a silent run it opens a replica, whose lease guard marks it as lost if its producer
 * has stopped, so that a run without viewers ends too. Returns the undo.
 */
export function sweepOrphans({ internals: { context }, registry, topics, lease, clock }: SweepOptions): () => void {
  /** By topic: the number of rounds without a record. */
  const silent = new Map<string, number>()
  let isStopped = false

  const remove = context.tailListeners.add({
    onEntry({ topic, event }) {
      // records about viewers say nothing about the producer
      if (event === "run.seen") return
      if (silent.has(topic)) {
        if (event === "run.end" || event === "run.delete") silent.delete(topic)
        else silent.set(topic, 0)
        return
      }
      if (event !== "run.open" || !topics.named(topic)) return
      silent.set(topic, 0)
      if (silent.size > MAX_RUNS) for (const oldest of silent.keys()) return void silent.delete(oldest)
    },
  })

  function round(): void {
    for (const [topic, rounds] of silent) {
      silent.set(topic, rounds + 1)
      if (rounds < 1) continue
      silent.delete(topic)
      const place = topics.named(topic)
      if (place) void watch(place)
    }
    undo = again()
  }

  /** Holds a replica long enough for its lease guard to decide. */
  async function watch(place: RunTopic): Promise<void> {
    try {
      const replica = await registry.acquire(place)
      clock.after(lease * 2, () => {
        // not ended and not silent: the store was slow for the producer. A recreated log has no such run.
        if (replica.records.opened && !replica.ending && !isStopped) silent.set(place.topic, 0)
        registry.release(replica)
      })
    } catch {
      silent.set(place.topic, 0)
    }
  }

  const again = (): (() => void) => clock.after(lease, round)
  let undo = again()
  return () => {
    isStopped = true
    undo()
    remove()
  }
}
