import { kindOf } from "../kind.ts"
import { inSameEpoch, parsePosition } from "../log/index.ts"
import type { Position } from "../message.ts"
import { checkNames } from "../options.ts"
import type { StartOutcome } from "./observation.ts"

/** `live`: receives new entries at once · `reading`: reads from the window or the log · `full`: its client does not read. */
export type StreamState = "live" | "reading" | "full"

/** One open stream. Times are in ms since 1970. */
export interface StreamInfo {
  /** Unique in this hub as long as the process runs. */
  readonly id: string
  /** The `label` of its subscription. */
  readonly label: string | undefined
  /** Its exact topics. */
  readonly topics: readonly string[]
  /** Its patterns, and the keys of its matchers. */
  readonly patterns: readonly string[]
  /** The `limitKey` of its subscription. */
  readonly limitKey: string | undefined
  /** The `userId` of its subscription. */
  readonly userId: string | undefined
  /** `live`: it receives new entries at once. `reading`: it reads from the window or the log. `full`: its client does not read. */
  readonly state: StreamState
  /** How it started; undefined until its start point is found. */
  readonly outcome: StartOutcome | undefined
  /** When it was opened. */
  readonly openedAt: number
  /** When it was last sent something, heartbeats included. */
  readonly wroteAt: number
  /** How many entries of the log, of any topic, follow its position: 0 when live. */
  readonly lag: number
  /** Since when it has not been live. */
  readonly behindSince: number | undefined
  /** How often it stopped being live. */
  readonly timesBehind: number
  /** How many losses it was told. */
  readonly gaps: number
  /** How many entries it was sent. */
  readonly entries: number
  /** How many bytes it was sent, before compression. */
  readonly bytes: number
}

export interface StreamsOptions {
  /** Which streams come first: the furthest behind, the oldest, or those that were sent most. @default "oldest" */
  readonly sort?: "lag" | "oldest" | "bytes"
  /** Maximum number of returned streams, up to 10_000. @default 1_000 */
  readonly limit?: number
}

/** A stream that can be asked for its numbers before it is described. */
interface Described {
  readonly lag: number
  readonly id: number
  readonly sentBytes: number
  readonly info: StreamInfo
}

const ORDERS: Readonly<Record<string, (stream: Described) => number>> = {
  lag: ({ lag }) => lag,
  oldest: ({ id }) => -id,
  bytes: ({ sentBytes }) => sentBytes,
}

const MAX_LIMIT = 10_000

/** The first `limit` streams of an order, equal ones by age. Only these are described, because there can be many thousands. */
export function select(streams: Iterable<Described>, options: StreamsOptions = {}): StreamInfo[] {
  checkNames("streams", options, ["sort", "limit"])
  const { sort = "oldest", limit = 1_000 } = options
  const order = Object.hasOwn(ORDERS, sort) ? ORDERS[sort] : undefined
  if (!order) throw new TypeError(`streams: \`sort\` must be "lag", "oldest" or "bytes", not ${kindOf(sort)}.`)
  if (!Number.isInteger(limit) || limit < 0 || limit > MAX_LIMIT) {
    throw new TypeError(`streams: \`limit\` must be a whole number from 0 to ${MAX_LIMIT}, not ${kindOf(limit)}.`)
  }
  let found: Ranked[] = []
  /** What follows it is not among the first. */
  let last: Ranked | undefined
  const cut = (): void => {
    found = found.sort(byRank).slice(0, limit)
    last = found[limit - 1]
  }
  for (const stream of streams) {
    const ranked = { key: order(stream), stream }
    if (last && byRank(ranked, last) > 0) continue
    found.push(ranked)
    if (found.length >= 2 * Math.max(limit, 100)) cut()
  }
  cut()
  return found.map(({ stream }) => stream.info)
}

interface Ranked {
  readonly key: number
  readonly stream: Described
}

const byRank = (a: Ranked, b: Ranked): number => b.key - a.key || a.stream.id - b.stream.id

/** How many positions lie between a stream's and the end of the log; 0 when it is unknown or of another epoch. */
export function lagOf(position: Position | undefined, end: Position): number {
  const from = parsePosition(position ?? "")
  const to = parsePosition(end)
  return from && to && inSameEpoch(position as Position, end) ? Math.max(0, to.sequence - from.sequence) : 0
}
