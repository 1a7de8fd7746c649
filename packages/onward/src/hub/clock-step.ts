import type { Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"

/** Smaller steps of the wall clock, in ms, are not reported. */
const STEP = 60_000
/** Repeated steps are reported once in this time, in ms. */
const QUIET = 10_000

/** Makes a function that reports when the wall clock has moved against the monotonic clock since its last call. */
export function watchWallClock(clock: Clock, onError: (error: unknown) => void): () => void {
  const difference = (): number => clock.now() - clock.monotonic()
  let known = difference()
  let reportedAt = -Infinity
  return () => {
    const found = difference()
    const step = found - known
    const isStep = Math.abs(step) > STEP
    if (isStep && clock.monotonic() - reportedAt < QUIET) return
    known = found
    if (!isStep) return
    reportedAt = clock.monotonic()
    const how = `${Math.abs(Math.round(step / 1_000))} s ${step > 0 ? "ahead" : "back"}`
    onError(
      new OnwardError(
        "clock_step",
        `The wall clock moved ${how}, because it was set or the machine slept. Check that it is right, because entries get their time from it.`,
      ),
    )
  }
}
