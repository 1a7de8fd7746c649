import { monotonic } from "./clock.ts"
import { Latency } from "../../packages/hub/src/commands/bench/latency.ts"

/** What all connections of a run add up to. */
export class Tally {
  readonly latency = new Latency()
  delivered = 0
  lost = 0
  duplicated = 0
  reordered = 0
  gaps = 0
  skipped = 0
  /** Streams that ended as HTTP says. */
  ended = 0
  /** Bytes of events, without those that HTTP adds. */
  bytes = 0
  faults = 0
  faultText = ""
  /** When the last event came, see `now`. */
  lastArrival = 0
  /** The time at which the bytes being looked at were read. */
  now = monotonic()

  fault(text: string): void {
    if (this.faults++ === 0) this.faultText = text
  }
}
