import { Latency } from "./latency.ts"
import type { SequenceCounts } from "./sequence.ts"

/** What all streams of a run add up to. */
export class Tally implements SequenceCounts {
  readonly latency = new Latency()
  delivered = 0
  lost = 0
  duplicated = 0
  reordered = 0
  gaps = 0
  skipped = 0
  /** Streams that were cut and resumed. */
  resumes = 0
  faults = 0
  /** The first fault. */
  faultText = ""

  fault(text: string): void {
    if (this.faults++ === 0) this.faultText = text
  }
}
