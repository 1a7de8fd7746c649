import type { Clock } from "../clock.ts"
import type { RunRegistry } from "./registry.ts"
import type { Replica } from "./replica.ts"

/** How long new viewers are collected for one record, in ms. */
const SOON = 1_000

export interface ViewerCountOptions {
  readonly clock: Clock
  readonly registry: Pick<RunRegistry, "append">
}

/**
 * Counts the viewers of runs: with the meter in the producer's process, and elsewhere with a record for the producer, at most one per
 * second and run. A record that the store does not accept is not retried, because it is only a count.
 */
export function createViewerCount({
  clock,
  registry,
}: ViewerCountOptions): (replica: Replica, isResume: boolean) => void {
  const waiting = new WeakMap<Replica, { viewers: number; resumes: number }>()

  return (replica, isResume) => {
    const known = replica.meter ?? waiting.get(replica)
    const count = known ?? { viewers: 0, resumes: 0 }
    count.viewers++
    if (isResume) count.resumes++
    if (known || replica.ending) return
    waiting.set(replica, count)
    clock.after(SOON, () => {
      waiting.delete(replica)
      if (!replica.ending) registry.append(replica, [{ type: "seen", ...count }]).catch(() => {})
    })
  }
}
