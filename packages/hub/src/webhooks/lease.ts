import type { LeaseRecord } from "./record.ts"
import type { Timing } from "./timing.ts"

/** Beats in a lease. */
const BEATS = 4

export interface LeaseOptions {
  /** The name of this hub. */
  readonly me: string
  readonly timing: Timing
  /** How long a hub that delivers may be silent before another takes over, in ms. */
  readonly lease: number
  /** Stores a record. False when another hub has claimed this term. */
  readonly append: (record: LeaseRecord) => Promise<boolean>
  /** This hub delivers from now on, or no longer. */
  readonly onChange: (isMine: boolean) => void
  /** The log has confirmed that this hub delivers. */
  readonly onConfirmed: () => void
}

export interface Lease {
  /** Whether this hub delivers, and the log has confirmed it lately. */
  readonly isMine: boolean
  /** A record was read from the log. */
  hear(record: LeaseRecord): void
  /** Gives the lease to another hub. */
  release(): Promise<void>
}

/**
 * Chooses one of all hubs that share the queue. The log decides: a claim names the next term as its idempotency key, so one hub gets it.
 * Silence is measured by the monotonic clock, and only while this process was running, because a process that was suspended cannot have
 * heard of others.
 */
export function createLease({ me, timing, lease, append, onChange, onConfirmed }: LeaseOptions): Lease {
  const period = lease / BEATS
  // jittered, so that not all hubs claim at once
  const patience = lease * (1 + timing.random() * 0.2)
  let term = 0
  let holder: string | undefined
  let silence = 0
  let countedTo = timing.monotonic()
  /** When the log last confirmed that this hub holds the lease. */
  let confirmedAt = -Infinity
  let wasMine = false
  let isOver = false
  let cancel = timing.after(0, () => void look())

  const holds = (): boolean => holder === me && timing.monotonic() - confirmedAt < lease * 0.75

  function tell(): void {
    const isMine = holds() && !isOver
    if (isMine === wasMine) return
    wasMine = isMine
    onChange(isMine)
  }

  async function look(): Promise<void> {
    const now = timing.monotonic()
    silence += Math.min(now - countedTo, 2 * period)
    countedTo = now
    try {
      if (holder === me) {
        if (await append({ by: me, term })) confirmedAt = now
      } else if (holder === undefined || silence >= patience) {
        const claimed = term + 1
        if (await append({ by: me, term: claimed })) {
          hear({ by: me, term: claimed })
          confirmedAt = now
        }
      }
    } catch {
      // the log is away: without a confirmation, this hub stops to deliver
    }
    tell()
    if (wasMine) onConfirmed()
    if (!isOver) cancel = timing.after(Math.min(period, Math.max(1, patience - silence)), () => void look())
  }

  function hear({ by, term: heard, isReleased }: LeaseRecord): void {
    if (heard < term) return
    term = heard
    holder = isReleased ? undefined : by
    silence = 0
    countedTo = timing.monotonic()
    tell()
  }

  return {
    get isMine() {
      return wasMine && holds()
    },
    hear,
    async release() {
      isOver = true
      cancel()
      const mine = holder === me
      tell()
      if (mine) await append({ by: me, term, isReleased: true }).catch(() => {})
    },
  }
}
