import type { Clock } from "../clock.ts"
import type { Internals } from "../hub/index.ts"

/** A difference between the log's time and the monotonic clock that is less, in ms, is drift. */
const STEP = 60_000
/** Most eras remembered. */
const MAX_ERAS = 16

/** A stretch in which the log's time and the monotonic clock go at the same pace. */
interface Era {
  /** A time of the log, and when it was that time. */
  readonly time: number
  readonly at: number
}

/** Tells how old entries are. */
export interface Ages {
  /** Resolves once that can be told. Rejects with what the log rejects with. */
  ready(): Promise<void>
  /** How long ago the log's time was `time`, in ms. When a clock was set, it is rather too little than too much. */
  of(time: number): number
  /** Stops listening to the log. */
  stop(): void
}

/**
 * Measures ages by the times of entries and the monotonic clock. The wall clock of a process may be a day ahead of the log's, or jump: by it,
 * runs that have just ended would be old. So it only limits what is taken for the present at first.
 */
export function createAges({ context }: Internals, clock: Clock): Ages {
  const eras: Era[] = []
  let isReady: Promise<void> | undefined

  function begin(time: number): void {
    // what was later by an earlier reading is not later now: the log's time stood still, or it began a new life
    while ((eras.at(-1)?.time ?? -Infinity) >= time) eras.pop()
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
      const end = next > 0 ? (eras[next]?.at ?? moment) : moment
      return clock.monotonic() - Math.min(moment, end)
    },
  }
}
