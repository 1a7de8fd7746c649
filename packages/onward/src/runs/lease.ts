import type { Clock } from "../clock.ts"
import { markOf, type RunError, type RunRecord } from "./record.ts"
import type { Replica } from "./replica.ts"

/** Checks per lease. */
const LOOKS = 4

const PRODUCER_LOST: RunError = {
  code: "producer_lost",
  message: "The server that generated this response stopped unexpectedly. Start another run.",
}

export interface LeaseOptions {
  readonly clock: Clock
  /** How long a producer can be silent, in ms. */
  readonly lease: number
  readonly append: (record: RunRecord) => Promise<void>
}

/**
 * Marks a run as lost when its producer has been silent for a lease, while this process has a replica of the run; returns the undo.
 * Silence is measured by the monotonic clock, and only while this process was running: a process that was suspended for an hour cannot
 * have heard of others. Before it marks the run, the log is read once more, so a process that cannot read the log marks no run.
 */
export function guardLease(replica: Replica, { clock, lease, append }: LeaseOptions): () => void {
  const period = lease / LOOKS
  // jittered, so that not all processes write the same end at once
  const timeout = lease * (1 + clock.random() * 0.05)
  let heard = replica.heard
  /** How long the producer has been silent, and the time up to which that was measured. */
  let silence = 0
  let countedTo = clock.monotonic()
  let isStopped = false
  const unlisten = replica.listen(hear)
  let undo = again()

  function hear(): void {
    // its own silence is not measured
    if (replica.producer || replica.heard === heard) return
    heard = replica.heard
    silence = 0
    countedTo = clock.monotonic()
  }

  function again(): () => void {
    return clock.after(Math.min(period, timeout - silence), () => void look())
  }

  async function look(): Promise<void> {
    if (replica.ending) return
    const now = clock.monotonic()
    silence += Math.min(now - countedTo, 2 * period)
    countedTo = now
    if (replica.producer || !replica.records.opened) silence = 0
    if (silence >= timeout) {
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
      error: PRODUCER_LOST,
    })
  }

  return () => {
    isStopped = true
    unlisten()
    undo()
  }
}
