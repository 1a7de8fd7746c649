import type { Clock } from "../clock.ts"
import type { Insides } from "../hub/index.ts"
import type { Ages } from "./ages.ts"
import { guardLease } from "./lease.ts"
import type { Place } from "./place.ts"
import { messageOf, type RunRecord } from "./record.ts"
import { View } from "./view.ts"

/** The runs that this process has to do with now. */
export interface Room {
  /** The run's view, with everything the log has of it. Give it back with `release`. Rejects with what the log rejects with. */
  acquire(place: Place): Promise<View>
  release(view: View): void
  /** Appends records of a run, in order and together. Rejects with what the log rejects with. */
  append(view: View, records: readonly RunRecord[]): Promise<void>
  /** By topic. */
  readonly views: ReadonlyMap<string, Promise<View>>
}

export interface RoomOptions {
  readonly insides: Insides
  readonly ages: Ages
  readonly lease: number
  readonly clock: Clock
}

export function createRoom({ insides, ages, lease, clock }: RoomOptions): Room {
  const views = new Map<string, Promise<View>>()
  const guards = new WeakMap<View, () => void>()

  const append = async (view: View, records: readonly RunRecord[]): Promise<void> => {
    const messages = records.map((record) => messageOf(view.topic, record))
    const writing = { records, messages }
    view.writing.add(writing)
    try {
      await insides.append(messages)
    } finally {
      view.writing.delete(writing)
    }
  }

  async function open(place: Place): Promise<View> {
    const view = new View(place)
    await Promise.all([view.open(insides), ages.ready()])
    guards.set(view, guardLease(view, { clock, lease, append: (record) => append(view, [record]) }))
    return view
  }

  return {
    views,
    append,
    async acquire(place) {
      const { topic } = place
      const existing = views.get(topic)
      const opening = existing ?? open(place)
      if (!existing) {
        views.set(topic, opening)
        opening.catch(() => views.delete(topic))
      }
      const view = await opening
      // its last user may have released it in the meantime
      if (views.get(topic) !== opening) return this.acquire(place)
      view.users++
      try {
        // somebody looked too early for this caller, to whom the run may be known from elsewhere
        if (existing && !view.fold.opened) await view.refresh()
      } catch (error) {
        this.release(view)
        throw error
      }
      return view
    },
    release(view) {
      if (--view.users > 0) return
      views.delete(view.topic)
      guards.get(view)?.()
      view.close()
    },
  }
}
