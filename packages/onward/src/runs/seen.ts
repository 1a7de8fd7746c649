import type { Clock } from "../clock.ts"
import type { Room } from "./room.ts"
import type { View } from "./view.ts"

/** How long what is to be counted waits for more, in ms. */
const SOON = 1_000

export interface SeenOptions {
  readonly clock: Clock
  readonly room: Pick<Room, "append">
}

/**
 * Counts who begins to watch a run. In its producer's process by its meter; elsewhere by a record for the producer to find, at most one
 * a second for each run, however many come. It is only a count: a store that does not take it is not asked again.
 */
export function createCount({ clock, room }: SeenOptions): (view: View, isResume: boolean) => void {
  const waiting = new WeakMap<View, { viewers: number; resumes: number }>()

  return (view, isResume) => {
    const known = view.meter ?? waiting.get(view)
    const count = known ?? { viewers: 0, resumes: 0 }
    count.viewers++
    if (isResume) count.resumes++
    if (known || view.ending) return
    waiting.set(view, count)
    clock.after(SOON, () => {
      waiting.delete(view)
      if (!view.ending) room.append(view, [{ type: "seen", ...count }]).catch(() => {})
    })
  }
}
