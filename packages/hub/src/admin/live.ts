import { setTimeout as sleep } from "node:timers/promises"
import type { Hub } from "onward"
import { sse } from "onward/node"
import { HttpError } from "../http-error.ts"
import { SECURITY_HEADERS } from "../respond.ts"
import { READ, type Route } from "../route.ts"
import type { Store } from "../store.ts"
import type { Peers } from "../worker-calls.ts"
import { measureLog, type LogSize } from "./log-size.ts"
import { mergePoints, type HistoryPoint } from "./merge-points.ts"
import { POINT_MS, type Point, type Recorder, type WorkerNumbers } from "./worker-numbers.ts"

/** The time between two events, in ms. */
const EVERY_MS = 1_000
/** After how long the log is measured again, in ms. */
const LOG_MS = 5_000
/** Most pages that look at once. */
const MAX_VIEWERS = 20
/** What workers ask each other. */
const NUMBERS = "numbers"
const HISTORY = "history"

export interface LiveOptions {
  readonly hub: Hub
  readonly store: Pick<Store, "log" | "bytes">
  readonly recorder: Recorder
  readonly peers: Peers
  /** Aborted when the hub closes. */
  readonly closing: AbortSignal
  readonly onError: (error: unknown) => void
}

/** What `GET /admin/live` sends as `stats`. */
interface Stats {
  readonly at: number
  readonly workers: readonly Omit<WorkerNumbers, "point">[]
  readonly log: LogSize
  /** The newest point of the history. It is sent again until all workers have added theirs. */
  readonly point: HistoryPoint | undefined
}

/**
 * `GET /admin/live`: an event `history` with the last 15 minutes, then an event `stats` each second with the numbers of each worker, as long
 * as a page looks. All pages share one measurement.
 */
export function liveRoute(options: LiveOptions): Route {
  const { hub, store, recorder, peers, closing, onError } = options
  peers.answer(NUMBERS, () => recorder.numbers(hub))
  peers.answer(HISTORY, () => recorder.history())
  recordPoints(options)
  let viewers = 0
  let measured: { readonly at: number; readonly size: Promise<LogSize> } | undefined
  let current: { readonly at: number; readonly stats: Promise<Stats> } | undefined

  function sizeOfLog(at: number): Promise<LogSize> {
    if (!measured || at - measured.at >= LOG_MS) measured = { at, size: measureLog(store) }
    return measured.size
  }

  async function measure(at: number): Promise<Stats> {
    const [all, size] = await Promise.all([peers.askAll<WorkerNumbers>(NUMBERS), sizeOfLog(at)])
    const workers = all.sort((a, b) => a.worker - b.worker).map(({ point: _, ...numbers }) => numbers)
    const point = mergePoints(all.map((each) => (each.point ? [each.point] : []))).at(-1)
    return { at, workers, log: size, point }
  }

  /** The numbers of this second, for all pages. */
  function stats(): Promise<Stats> {
    const at = Math.floor(Date.now() / EVERY_MS) * EVERY_MS
    if (current?.at !== at) current = { at, stats: measure(at) }
    return current.stats
  }

  async function* follow(signal: AbortSignal): AsyncGenerator<{ event: string; data: object }> {
    const points = mergePoints(await peers.askAll<readonly Point[]>(HISTORY))
    yield { event: "history", data: { every: POINT_MS, points } }
    while (!signal.aborted) {
      yield { event: "stats", data: await stats() }
      await sleep(EVERY_MS - (Date.now() % EVERY_MS), undefined, { signal }).catch(() => {})
    }
  }

  return {
    methods: READ,
    answer(req, res) {
      if (viewers >= MAX_VIEWERS) {
        throw new HttpError(429, "too_many_viewers", `${MAX_VIEWERS} dashboards are open. Close one.`)
      }
      viewers++
      res.once("close", () => viewers--)
      sse(req, res, ({ signal }) => follow(AbortSignal.any([signal, closing])), {
        end: false,
        headers: SECURITY_HEADERS,
        onError,
      })
    },
  }
}

/** Adds a point to the history at each multiple of {@link POINT_MS}, like the other workers. */
function recordPoints({ recorder, hub, closing }: LiveOptions): void {
  let timer: NodeJS.Timeout
  function wait(): void {
    timer = setTimeout(
      () => {
        recorder.addPoint(hub)
        wait()
      },
      POINT_MS - (Date.now() % POINT_MS),
    ).unref()
  }
  wait()
  closing.addEventListener("abort", () => clearTimeout(timer))
}
