import { HttpError } from "./http-error.ts"

export interface ThrottleOptions {
  /** Units that each caller may spend a second; 0 for no limit. */
  readonly rate: number
  /** Tells the time in ms, from any beginning. @default performance.now */
  readonly now?: () => number
  /** Waits, in ms. @default by a timer */
  readonly wait?: (ms: number) => Promise<void>
}

/** Limits how much each caller publishes. */
export interface Throttle {
  /** Lets a request in, for one unit. Rejects with `HttpError` 429 when the caller has spent what it may. */
  admit(caller: string): Promise<void>
  /** Spends units for what a request turned out to hold: its caller may be in debt after it. */
  spend(caller: string, units: number): void
}

/** A caller that was quiet may spend the units of so many seconds at once, and owe those of as many. */
const BURST_SECONDS = 2
/** How long a refusal is held back, in ms: a client that sends again at once would use up the process with refusals. */
const HOLD_MS = 500
/** Most refusals that are held back at once. */
const MAX_HELD = 1_000
/** Most callers remembered: the one that was quiet for longest is forgotten first. */
const MAX_CALLERS = 10_000

interface Bucket {
  units: number
  at: number
}

/** A token bucket for each caller: what one caller publishes beyond its rate is refused, and the others do not notice it. */
export function createThrottle({ rate, now = () => performance.now(), wait = later }: ThrottleOptions): Throttle {
  const most = rate * BURST_SECONDS
  const buckets = new Map<string, Bucket>()
  let held = 0

  function bucketOf(caller: string): Bucket {
    const time = now()
    const bucket = buckets.get(caller) ?? { units: most, at: time }
    bucket.units = Math.min(most, bucket.units + ((time - bucket.at) * rate) / 1_000)
    bucket.at = time
    buckets.delete(caller)
    buckets.set(caller, bucket)
    if (buckets.size > MAX_CALLERS) buckets.delete(buckets.keys().next().value as string)
    return bucket
  }

  return {
    async admit(caller) {
      if (rate === 0) return
      const bucket = bucketOf(caller)
      if (bucket.units >= 1) {
        bucket.units--
        return
      }
      const seconds = Math.max(1, Math.ceil((1 - bucket.units) / rate))
      if (held < MAX_HELD) {
        held++
        await wait(HOLD_MS)
        held--
      }
      throw new HttpError(
        429,
        "too_many_messages",
        `You publish more than this hub allows (--publish-rate ${rate}). Send again after ${seconds} s, or send several messages in a request.`,
        { "retry-after": String(seconds) },
      )
    },
    spend(caller, units) {
      if (rate === 0) return
      const bucket = bucketOf(caller)
      bucket.units = Math.max(-most, bucket.units - units)
    },
  }
}

const later = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))
