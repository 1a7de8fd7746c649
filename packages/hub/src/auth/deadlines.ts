/** How often it is looked what is due, in ms. */
const TICK_MS = 250
/** Smaller steps of the clock, in ticks, delay a wait too little to matter. */
const MIN_STEP = 4

/** Calls back when things are due, which may be many: one timer for all of them, and none while nothing is waiting. */
export interface Deadlines<Item> {
  /** An item has one deadline: a later call replaces it. */
  set(item: Item, at: number): void
  delete(item: Item): void
  stop(): void
}

export interface DeadlinesOptions<Item> {
  /** Called up to a quarter of a second before the deadline, or as late as the process is busy; the item has none then. */
  readonly onDue: (item: Item) => void
  /** Called after the clock was set back: deadlines that end a wait are too late then. */
  readonly onBack?: () => void
  /** The time in ms since 1970. */
  readonly now: () => number
}

/** Deadlines by the wall clock, in buckets of a quarter of a second. */
export function createDeadlines<Item>({ onDue, onBack, now }: DeadlinesOptions<Item>): Deadlines<Item> {
  const buckets = new Map<number, Set<Item>>()
  const tickOf = new Map<Item, number>()
  let timer: NodeJS.Timeout | undefined
  let lastTick = 0
  let wasSetBack = false

  const tickAt = (time: number): number => Math.floor(time / TICK_MS)

  /** The present tick. When the clock was set back, the ticks until the last one come again. */
  function present(): number {
    const current = tickAt(now())
    wasSetBack ||= current < lastTick - MIN_STEP
    lastTick = Math.min(lastTick, current)
    return current
  }

  function tick(): void {
    const current = present()
    // most ticks have nothing due; after a jump of the clock it is cheaper to look at all buckets
    const isNear = current - lastTick <= buckets.size
    const due = isNear
      ? Array.from({ length: Math.max(0, current - lastTick) }, (_, i) => lastTick + 1 + i)
      : [...buckets.keys()].filter((each) => each <= current)
    lastTick = current
    for (const each of due) {
      for (const item of [...(buckets.get(each) ?? [])]) {
        remove(item)
        onDue(item)
      }
    }
    if (wasSetBack) onBack?.()
    wasSetBack = false
  }

  function remove(item: Item): void {
    const at = tickOf.get(item)
    if (at === undefined) return
    tickOf.delete(item)
    const bucket = buckets.get(at)
    bucket?.delete(item)
    if (bucket?.size === 0) buckets.delete(at)
    if (buckets.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  return {
    set(item, at) {
      remove(item)
      if (timer) present()
      else {
        lastTick = tickAt(now()) - 1
        timer = setInterval(tick, TICK_MS).unref()
      }
      // what is due already is so at the next tick
      const due = Math.max(tickAt(at), lastTick + 1)
      tickOf.set(item, due)
      const bucket = buckets.get(due) ?? new Set()
      buckets.set(due, bucket.add(item))
    },
    delete: remove,
    stop() {
      clearInterval(timer)
    },
  }
}
