import { performance } from "node:perf_hooks"

/** So many turns of the event loop without a byte mean that there is none under way: sockets of this machine need one or two. */
const TURNS = 20

/** Resolves once the sockets of this process have nothing more to say to each other. */
export async function quiet(): Promise<void> {
  let before = -1
  for (let calm = 0; calm < TURNS; calm++) {
    await new Promise((resolve) => setImmediate(resolve))
    const { events } = performance.nodeTiming.uvMetricsInfo
    if (events !== before) calm = 0
    before = events
  }
}
