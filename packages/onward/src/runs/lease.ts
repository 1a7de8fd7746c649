import type { Clock } from "../clock.ts"
import { markOf, type RunRecord } from "./record.ts"
import type { Replica } from "./replica.ts"

/** How often silence is looked at within a lease. */
const LOOKS = 4

export interface LeaseOptions {
  readonly clock: Clock
  /** How long a producer may be silent, in ms. */
  readonly lease: number
  readonly append: (record: RunRecord) => Promise<void>
}

/**
 * Ends a run whose producer has not been heard of for a lease, as long as somebody here watches it; returns the undo. Silence is
 * counted by the monotonic clock, and only as far as this process was awake for it: a process that stood still for an hour has heard
 * nothing of others in that time. It is believed only after the log itself was asked once more: who cannot read the log has
 * nothing to say about others.
 */
export function guardLease(replica: Replica, { clock, lease, append }: LeaseOptions): () => void {
  const period = lease / LOOKS
  // so that those who watch elsewhere do not all write the same end at once
  const patience = lease * (1 + clock.random() * 0.05)
  let heard = replica.heard
  /** How long the producer has been silent, and up to when that was counted. */
  let silence = 0
  let countedTo = clock.monotonic()
  let isStopped = false
  const unlisten = replica.listen(hear)
  let undo = again()

  function hear(): void {
    if (replica.heard === heard) return
    heard = replica.heard
    silence = 0
    countedTo = clock.monotonic()
  }

  function again(): () => void {
    return clock.after(Math.min(period, patience - silence), () => void look())
  }

  async function look(): Promise<void> {
    if (replica.ending) return
    const now = clock.monotonic()
    silence += Math.min(now - countedTo, 2 * period)
    countedTo = now
    if (replica.isProducing || !replica.records.opened) silence = 0
    if (silence >= patience) {
      silence = 0
      await markLost().catch(() => {})
    }
    if (!isStopped) undo = again()
  }

  async function markLost(): Promise<void> {
    const before = replica.heard
    await replica.refresh()
    if (replica.heard !== before || replica.ending || isStopped) return
    await append({
      type: "end",
      mark: markOf(),
      status: "lost",
      error: { code: "producer_lost", message: "whoever wrote this answer has not been heard of any more" },
    })
  }

  return () => {
    isStopped = true
    unlisten()
    undo()
  }
}
