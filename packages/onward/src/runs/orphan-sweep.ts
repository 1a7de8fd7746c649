import type { Clock } from "../clock.ts"
import type { Internals } from "../hub/index.ts"
import type { RunTopic, RunTopics } from "./run-topic.ts"
import type { RunRegistry } from "./registry.ts"

/** Most runs kept an eye on; the oldest go first, and are found by whoever asks for them next. */
const MAX_RUNS = 10_000

export interface SweepOptions {
  readonly internals: Internals
  readonly clock: Clock
  readonly registry: RunRegistry
  readonly topics: RunTopics
  readonly lease: number
}

/**
 * Keeps an eye on every run that this process has seen begin, and has those that went silent watched for a while, by which they are
 * given up if they must be: a run nobody watches ends too. Returns the undo.
 */
export function sweepOrphans({ internals: { context }, registry, topics, lease, clock }: SweepOptions): () => void {
  /** By topic: how many rounds it has been silent. */
  const silent = new Map<string, number>()
  let isStopped = false

  const remove = context.tailListeners.add({
    onEntry({ topic, event }) {
      // what viewers let be written says nothing of the producer
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

  /** Long enough for the view's own guard to make up its mind. */
  async function watch(place: RunTopic): Promise<void> {
    try {
      const replica = await registry.acquire(place)
      clock.after(lease * 2, () => {
        // neither over nor silent: somebody else's store was slow
        if (!replica.ending && !isStopped) silent.set(place.topic, 0)
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
