import cluster from "node:cluster"
import { performance } from "node:perf_hooks"
import type { Hub, HubObservation, HubStats } from "onward"
import type { Counting } from "../metrics/index.ts"
import { addLag, emptyHistogram, type LagHistogram } from "./lag-histogram.ts"

/** The time between two points of the history, and how long the history is, in ms. */
export const POINT_MS = 5_000
export const HISTORY_MS = 15 * 60_000

/** What happened since a worker started, or in the time of one point. */
export interface Counts {
  /** Messages that were stored, and that were not. */
  readonly published: number
  readonly failed: number
  /** Entries that were written to streams, each once for each stream. */
  readonly delivered: number
  /** Bytes that streams were sent, before compression. */
  readonly sentBytes: number
  readonly opened: number
  readonly refused: number
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
  readonly counts: Counts
  /** How streams started, why they ended, and why requests were refused. */
  readonly resumed: Tally
  readonly closed: Tally
  readonly refused: Tally
  /** The newest point of its history. */
  readonly point: Point | undefined
}

/** The numbers of one worker in {@link POINT_MS}, which end at `at`. */
export interface Point extends Counts {
  /** In ms since 1970, a multiple of {@link POINT_MS}, so that points of several workers can be added. */
  readonly at: number
  readonly live: number
  readonly reading: number
  readonly full: number
  readonly lag: LagHistogram
}

/** Remembers the last 15 minutes of this process. */
export interface Recorder {
  /** For `createHub({ observe })`: the lag of deliveries, finer than that of metrics. */
  observe(observation: HubObservation): void
  /** The numbers now. It iterates over all streams. */
  numbers(hub: Hub): WorkerNumbers
  /** Adds a point to the history. */
  addPoint(hub: Hub): void
  history(): readonly Point[]
}

/**
 * @param counting what is counted anyway, for metrics
 * @param now the time in ms since 1970
 */
export function createRecorder(counting: Counting, now: () => number = Date.now): Recorder {
  const { streams, messages, requests } = counting
  const points: Point[] = []
  let before: Counts | undefined
  let lag = emptyHistogram()
  let loop = performance.eventLoopUtilization()

  const countsOf = ({ bytes }: HubStats): Counts => ({
    published: messages.stored,
    failed: messages.failed,
    delivered: messages.delivered,
    sentBytes: streams.sentBytes + bytes,
    opened: streams.opened,
    refused: requests.refused,
  })

  return {
    observe(observation) {
      if (observation.type === "delivered") addLag(lag, observation.lag, observation.entries)
    },

    numbers(hub) {
      const used = performance.eventLoopUtilization(loop)
      loop = performance.eventLoopUtilization()
      const stats = hub.stats()
      return {
        worker: cluster.worker?.id ?? 0,
        pid: process.pid,
        uptime: Math.round(process.uptime() * 1_000),
        memory: process.memoryUsage.rss(),
        busy: used.utilization,
        streams: stats,
        counts: countsOf(stats),
        resumed: Object.fromEntries(streams.resumed()),
        closed: Object.fromEntries(streams.closed()),
        refused: Object.fromEntries(requests.refusals()),
        point: points.at(-1),
      }
    },

    addPoint(hub) {
      const stats = hub.stats()
      const { live, reading, full } = stats
      const counts = countsOf(stats)
      const since = Object.fromEntries(
        Object.entries(counts).map(([name, value]) => [name, value - (before?.[name as keyof Counts] ?? 0)]),
      ) as unknown as Counts
      before = counts
      points.push({ at: Math.round(now() / POINT_MS) * POINT_MS, ...since, live, reading, full, lag })
      lag = emptyHistogram()
      while (points.length > HISTORY_MS / POINT_MS) points.shift()
    },

    history: () => points,
  }
}
