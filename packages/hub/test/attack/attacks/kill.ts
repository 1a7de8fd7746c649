import { setTimeout as wait } from "node:timers/promises"
import type { Attack } from "../stage.ts"

/** A hub that is ended by SIGKILL at any moment: its witness loses nothing. */
export const kill: Attack = {
  name: "kill",
  async round({ hub, chance, count }) {
    await wait(200 + chance.below(800))
    await hub.restart()
    count("kills")
  },
}
