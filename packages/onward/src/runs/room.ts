import type { Clock } from "../clock.ts"
import type { Insides } from "../hub/index.ts"
import { isPattern } from "../topic.ts"
import { guardLease } from "./lease.ts"
import { messageOf, topicOf, type RunRecord } from "./record.ts"
import { View } from "./view.ts"

/** The runs that this process has to do with now. */
export interface Room {
  /** The run's view, with everything the log has of it. Give it back with `release`. Rejects with what the log rejects with. */
  acquire(id: string): Promise<View>
  release(view: View): void
  /** Appends records of a run, in order and together. Rejects with what the log rejects with. */
  append(view: View, records: readonly RunRecord[]): Promise<void>
  readonly views: ReadonlyMap<string, Promise<View>>
}

export interface RoomOptions {
  readonly insides: Insides
  readonly prefix: string
  readonly lease: number
  readonly clock: Clock
}

/** Most bytes of an id: it is part of a topic, and of every record's place in the log. */
const MAX_ID = 512

// oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/** Whether text can be a run's id: what is none cannot be known. */
export const isRunId = (id: unknown): id is string =>
  typeof id === "string" && id !== "" && id.length <= MAX_ID && !CONTROL.test(id) && id.isWellFormed() && !isPattern(id)

export function createRoom({ insides, prefix, lease, clock }: RoomOptions): Room {
  const views = new Map<string, Promise<View>>()
  const guards = new WeakMap<View, () => void>()

  const append = async (view: View, records: readonly RunRecord[]): Promise<void> => {
    await insides.append(records.map((record) => messageOf(view.topic, record)))
  }

  async function open(id: string): Promise<View> {
    const view = new View(id, topicOf(prefix, id))
    await view.open(insides)
    guards.set(view, guardLease(view, { clock, lease, append: (record) => append(view, [record]) }))
    return view
  }

  return {
    views,
    append,
    async acquire(id) {
      const existing = views.get(id)
      const opening = existing ?? open(id)
      if (!existing) {
        views.set(id, opening)
        opening.catch(() => views.delete(id))
      }
      const view = await opening
      // whoever had it may have left in the meantime, and have been the last
      if (views.get(id) !== opening) return this.acquire(id)
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
      views.delete(view.id)
      guards.get(view)?.()
      view.close()
    },
  }
}
