import type { Clock } from "../clock.ts"
import type { RunRegistry } from "./registry.ts"
import type { Replica } from "./replica.ts"

/** How long what is to be counted waits for more, in ms. */
const SOON = 1_000

export interface ViewerCountOptions {
  readonly clock: Clock
  readonly registry: Pick<RunRegistry, "append">
}

/**
 * Counts who begins to watch a run. In its producer's process by its meter; elsewhere by a record for the producer to find, at most one
 * a second for each run, however many come. It is only a count: a store that does not take it is not asked again.
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
