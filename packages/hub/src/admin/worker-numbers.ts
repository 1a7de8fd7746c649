import cluster from "node:cluster"
import { performance } from "node:perf_hooks"
import type { Hub, HubObservation, HubStats } from "onward"
import { addLag, emptyHistogram, type LagHistogram } from "./lag-histogram.ts"

/** The time between two points of the history, and how long the history is, in ms. */
export const POINT_MS = 5_000
export const HISTORY_MS = 15 * 60_000

/** What happened since a worker started, or in the time of one point. */
export interface Counts {
  /** Messages that were stored, and calls of publish that failed. */
  published: number
  failed: number
  /** Entries that were written to streams, each once for each stream, and their bytes. */
  delivered: number
  deliveredBytes: number
  opened: number
  closed: number
  refused: number
}

export type Tally = Readonly<Record<string, number>>

/** The numbers of one worker. */
export interface WorkerNumbers {
  /** 0 without workers. */
  readonly worker: number
  readonly pid: number
  /** In ms. */
  readonly uptime: number
  /** Bytes of memory, and the share of time that the event loop was busy since the last call. */
  readonly memory: number
  readonly busy: number
  readonly streams: HubStats
  readonly counts: Readonly<Counts>
  /** How streams started, why they ended, and why requests were refused. */
  readonly resumed: Tally
  readonly closed: Tally
  readonly refused: Tally
  /** The newest point of its history. */
  readonly point: Point | undefined
}

/** The numbers of one worker in {@link POINT_MS}, which end at `at`. */
export interface Point extends Readonly<Counts> {
  /** In ms since 1970, a multiple of {@link POINT_MS}, so that points of several workers can be added. */
  readonly at: number
  readonly live: number
  readonly reading: number
  readonly full: number
  readonly lag: LagHistogram
}

/** Counts what happens in this process, and remembers the last 15 minutes. */
export interface Recorder {
  /** For `createHub({ observe })`. */
  observe(observation: HubObservation): void
  /** A request was refused with this code. */
  refuse(code: string): void
  /** The numbers now. It iterates over all streams. */
  numbers(hub: Hub): WorkerNumbers
  /** Adds a point to the history. */
  addPoint(hub: Hub): void
  history(): readonly Point[]
}

const zero = (): Counts => ({
  published: 0,
  failed: 0,
  delivered: 0,
  deliveredBytes: 0,
  opened: 0,
  closed: 0,
  refused: 0,
})

/** @param now the time in ms since 1970 */
export function createRecorder(now: () => number = Date.now): Recorder {
  const counts = zero()
  const tallies: Record<"resumed" | "closed" | "refused", Record<string, number>> = {
    resumed: {},
    closed: {},
    refused: {},
  }
  const points: Point[] = []
  let before = zero()
  let lag = emptyHistogram()
  let loop = performance.eventLoopUtilization()

  function count(tally: Record<string, number>, name: string): void {
    // names come from programs, not from clients; a limit all the same
    const known = name in tally || Object.keys(tally).length < MAX_NAMES ? name : "other"
    tally[known] = (tally[known] ?? 0) + 1
  }

  return {
    observe(observation) {
      const { type } = observation
      if (type === "delivered") {
        counts.delivered += observation.entries
        counts.deliveredBytes += observation.bytes
        addLag(lag, observation.lag, observation.entries)
      } else if (type === "published") {
        if (observation.error === undefined) counts.published += observation.messages.length - observation.repeated
        else counts.failed++
      } else if (type === "replayed") counts.delivered += observation.entries
      else if (type === "opened") counts.opened++
      else if (type === "resumed") count(tallies.resumed, observation.outcome)
      else if (type === "closed") {
        counts.closed++
        count(tallies.closed, observation.reason)
      }
    },

    refuse(code) {
      counts.refused++
      count(tallies.refused, code)
    },

    numbers(hub) {
      const used = performance.eventLoopUtilization(loop)
      loop = performance.eventLoopUtilization()
      return {
        worker: cluster.worker?.id ?? 0,
        pid: process.pid,
        uptime: Math.round(process.uptime() * 1_000),
        memory: process.memoryUsage.rss(),
        busy: used.utilization,
        streams: hub.stats(),
        counts: { ...counts },
        ...structuredClone(tallies),
        point: points.at(-1),
      }
    },

    addPoint(hub) {
      const { live, reading, full } = hub.stats()
      const since = Object.fromEntries(
        Object.entries(counts).map(([name, value]) => [name, value - before[name as keyof Counts]]),
      ) as unknown as Counts
      before = { ...counts }
      points.push({ at: Math.round(now() / POINT_MS) * POINT_MS, ...since, live, reading, full, lag })
      lag = emptyHistogram()
      while (points.length > HISTORY_MS / POINT_MS) points.shift()
    },

    history: () => points,
  }
}

const MAX_NAMES = 50
