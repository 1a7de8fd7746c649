import type { StreamState } from "./stream-info.ts"

/** The current numbers of a hub in this process. */
export interface HubStats {
  /** Streams that are open in this process. */
  readonly connections: number
  /** Streams that receive new entries at once. */
  readonly live: number
  /** Streams that read from the window or the log, because they have not caught up. */
  readonly reading: number
  /** Streams whose client does not read: they read again when there is room. */
  readonly full: number
  /** Of the stream that is furthest behind: entries of the log, of any topic, after its position. */
  readonly lag: number
  /** What the open streams were sent, in bytes before compression. */
  readonly bytes: number
  /** The streams by the `label` of their subscription; those without one are not in it. */
  readonly labels: Readonly<Record<string, Pick<HubStats, "live" | "reading" | "full">>>
  /** Exact topics with at least one subscription. */
  readonly topics: number
  /**
   * Everything in the log up to this position was delivered in this process. Compare it with `hub.position()` to see how far a process is
   * behind the log. Empty until the process has reached the log.
   */
  readonly position: string
  /** Entries and characters of data in the window. */
  readonly window: { readonly entries: number; readonly chars: number }
}

/** What is counted of a stream. */
interface Counted {
  readonly state: StreamState
  readonly label: string | undefined
  readonly lag: number
  readonly sentBytes: number
}

/** Counts streams by their state. */
export function statsOf(
  streams: Iterable<Counted>,
): Pick<HubStats, "connections" | "live" | "reading" | "full" | "lag" | "bytes" | "labels"> {
  const all = { live: 0, reading: 0, full: 0 }
  const labels: Record<string, { live: number; reading: number; full: number }> = {}
  let lag = 0
  let bytes = 0
  for (const stream of streams) {
    const { state, label } = stream
    all[state]++
    bytes += stream.sentBytes
    if (label !== undefined) (labels[label] ??= { live: 0, reading: 0, full: 0 })[state]++
    if (state !== "live") lag = Math.max(lag, stream.lag)
  }
  return { connections: all.live + all.reading + all.full, ...all, lag, bytes, labels }
}
