import type { Clock } from "../clock.ts"
import { markOf, type RunRecord } from "./record.ts"
import type { View } from "./view.ts"

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
 * counted in looks of this process's own, not by anybody's time of day, and believed only after the log itself was asked
 * once more: who cannot read the log has nothing to say about others.
 */
export function guardLease(view: View, { clock, lease, append }: LeaseOptions): () => void {
  let heard = view.heard
  let silent = 0
  let isStopped = false
  let undo = again()

  function again(): () => void {
    return clock.after((lease / LOOKS) * (1 + clock.random() * 0.1), () => void look())
  }

  async function look(): Promise<void> {
    if (view.ending) return
    if (view.heard !== heard || view.isProducing || !view.fold.opened) silent = 0
    else silent++
    heard = view.heard
    if (silent >= LOOKS) {
      silent = 0
      await bury().catch(() => {})
    }
    if (!isStopped) undo = again()
  }

  async function bury(): Promise<void> {
    await view.refresh()
    if (view.heard !== heard || view.ending || isStopped) return
    await append({
      type: "end",
      mark: markOf(),
      status: "lost",
      error: { code: "producer_lost", message: "whoever wrote this answer has not been heard of any more" },
    })
  }

  return () => {
    isStopped = true
    undo()
  }
}
