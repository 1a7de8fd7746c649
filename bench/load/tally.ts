import { Tally as StreamTally } from "../../packages/hub/src/commands/bench/tally.ts"
import { monotonic } from "./clock.ts"

/** What all connections of a run add up to, with what only a reader of raw bytes sees. */
export class Tally extends StreamTally {
  /** Streams that ended as HTTP says. */
  ended = 0
  /** Bytes of events, without those that HTTP adds. */
  bytes = 0
  /** When the last event came, see `now`. */
  lastArrival = 0
  /** The time at which the bytes being looked at were read. */
  now = monotonic()
}
