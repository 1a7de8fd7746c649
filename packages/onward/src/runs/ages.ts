import type { Clock } from "../clock.ts"
import type { LogInternals } from "../hub/index.ts"

/** A smaller difference between the log's time and the monotonic clock, in ms, is drift. */
const STEP = 60_000
/** Maximum number of eras. */
const MAX_ERAS = 16

/** A period in which the log's time and the monotonic clock advance at the same rate. */
interface Era {
  /** A time of the log, and the monotonic time at that moment. */
  readonly time: number
  readonly at: number
}

/** Computes the ages of entries. */
export interface Ages {
  /** Resolves when ages can be computed. Rejects with the error of the log. */
  ready(): Promise<void>
  /** How long ago the log's time was `time`, in ms. After a clock change the result can be too small, but not too large. */
  of(time: number): number
  /** Stops listening to the log. */
  stop(): void
}

/**
 * Measures ages by the times of entries and the monotonic clock. The wall clock of a process can be a day ahead of the log's, or jump, and
 * would make new runs old. So it is only an upper limit for the first estimate of the log's present time.
 */
export function createAges({ context }: LogInternals, clock: Clock): Ages {
  const eras: Era[] = []
  let isReady: Promise<void> | undefined

  function begin(time: number): void {
    // later times are no longer valid: the log's time stood still, or the log began a new epoch
    for (let last = eras.at(-1); last && last.time >= time; last = eras.at(-1)) eras.pop()
    eras.push({ time, at: clock.monotonic() })
    if (eras.length > MAX_ERAS) eras.shift()
  }

  const stop = context.tailListeners.add({
    onEntry({ time }) {
      const era = eras.at(-1)
      const present = era ? era.time + clock.monotonic() - era.at : -Infinity
      if (Math.abs(time - present) > STEP) begin(time)
    },
  })

  async function look(): Promise<void> {
    const after = await context.log.locate({ last: 1 })
    const [newest] = after === undefined ? [] : (await context.log.read({ after, limit: 1 })).entries
    if (eras.length === 0) begin(Math.min(clock.now(), newest?.time ?? Infinity))
  }

  return {
    stop,
    ready() {
      isReady ??= look().catch((error: unknown) => {
        isReady = undefined
        throw error
      })
      return isReady
    },
    of(time) {
      const next = eras.findIndex((era) => era.time > time)
      const era = eras[next === -1 ? eras.length - 1 : Math.max(0, next - 1)]
      if (!era) return 0
      const moment = era.at + time - era.time
      const end = eras[next]?.at ?? moment
      return clock.monotonic() - Math.min(moment, end)
    },
  }
}
