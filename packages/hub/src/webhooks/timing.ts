import type { Clock } from "onward"

/** Time and chance, injected so that tests control them. Waits use `monotonic`. */
export type Timing = Pick<Clock, "now" | "monotonic" | "after" | "random">

export const systemTiming: Timing = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delay, run) {
    const timer = setTimeout(run, delay).unref()
    return () => clearTimeout(timer)
  },
  random: () => Math.random(),
}
