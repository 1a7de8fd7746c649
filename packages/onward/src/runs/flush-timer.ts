import type { Clock } from "../clock.ts"
import type { Turns } from "../turns.ts"

/** Calls back a flush interval later. */
export interface FlushTimer {
  /** Calls `flush` after the interval, together with others that are due; returns the undo. `flush` must not throw. */
  add(flush: () => void): () => void
}

interface Waiting {
  readonly due: number
  flush: (() => void) | undefined
}

/** One timer for all runs of a process: thousands of runs collect text at the same time, and what they write together costs the log less. */
export function createFlushTimer(clock: Clock, turns: Turns, interval: number): FlushTimer {
  /** In the order of their times; those before `head` are done. */
  let queue: Waiting[] = []
  let head = 0
  let isArmed = false

  function arm(): void {
    while (head < queue.length && !queue[head]?.flush) head++
    const next = queue[head]
    if (!next) {
      queue = []
      head = 0
    }
    isArmed = next !== undefined
    if (next) clock.after(Math.max(0, Math.ceil(next.due - clock.monotonic())), run)
  }

  function run(): void {
    const now = clock.monotonic()
    for (let next = queue[head]; next && next.due <= now; next = queue[head]) {
      if (turns.isOver) return turns.later(run)
      head++
      const { flush } = next
      next.flush = undefined
      flush?.()
    }
    if (head > 1_024 && head * 2 > queue.length) {
      queue = queue.slice(head)
      head = 0
    }
    arm()
  }

  return {
    add(flush) {
      const waiting: Waiting = { due: clock.monotonic() + interval, flush }
      queue.push(waiting)
      if (!isArmed) arm()
      return () => {
        waiting.flush = undefined
      }
    },
  }
}
