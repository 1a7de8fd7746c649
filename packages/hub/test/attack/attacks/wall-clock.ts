import { setTimeout as wait } from "node:timers/promises"
import { createSettableClock, missing, type SettableClock } from "../../faketime.ts"
import type { Attack } from "../stage.ts"

const HOUR = 3_600
const clocks = new Map<string, SettableClock>()

/** A wall clock that jumps while a hub runs. */
export const wallClock: Attack = {
  name: "wall-clock",
  missing,
  env(folder) {
    const clock = createSettableClock(folder)
    clocks.set(folder, clock)
    return clock.env
  },
  async round({ folder, chance, count }) {
    clocks.get(folder)?.set(chance.pick([-600, HOUR, 24 * HOUR, -24 * HOUR, 365 * 24 * HOUR, 0, chance.below(HOUR)]))
    count("jumps")
    await wait(500)
  },
}
