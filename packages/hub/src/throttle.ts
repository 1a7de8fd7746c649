import { HttpError } from "./http-error.ts"

export interface ThrottleOptions {
  /** Units that each caller can spend per second; 0 for no limit. */
  readonly rate: number
  /** Returns a monotonic time, in ms. @default performance.now */
  readonly now?: () => number
  /** Waits, in ms. @default by a timer */
  readonly wait?: (ms: number) => Promise<void>
}

/** Limits how much each caller publishes. */
export interface Throttle {
  /** Spends one unit for a request. Rejects with `HttpError` 429 if the caller has none left. */
  admit(caller: string): Promise<void>
  /** Spends units for the content of a request. The caller can have less than none afterwards. */
  spend(caller: string, units: number): void
}

/** Seconds whose units a caller can spend at once after a pause, and by which it can overspend. */
const BURST_SECONDS = 2
/** Delay of a refusal, in ms. Without it, a client that retries at once would keep the process busy. */
const HOLD_MS = 500
/** Maximum number of delayed refusals. */
const MAX_HELD = 1_000
/** Maximum number of callers in memory. The least recent one is removed first. */
const MAX_CALLERS = 10_000

interface Bucket {
  units: number
  at: number
}

/** Creates a token bucket for each caller. Requests above its rate are refused, and do not affect other callers. */
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
        `Publish limit reached (--publish-rate ${rate}). Retry after ${seconds} s, or send several messages in one request.`,
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
