import { setTimeout as sleep } from "node:timers/promises"
import { monotonic } from "./clock.ts"
import type { Subscriber } from "./subscriber.ts"

/** Lets stalled subscribers read again until each has event `last`; returns how many events did not come and were not told lost. */
export async function wakeStalled(stalled: readonly Subscriber[], last: number, grace: number): Promise<number> {
  for (const subscriber of stalled) subscriber.wake()
  const deadline = monotonic() + grace * 1e9
  const missing = (): number => stalled.reduce((sum, { lines }) => sum + last - lines.sequence.last, 0)
  while (missing() > 0 && monotonic() < deadline) await sleep(10)
  return missing()
}
