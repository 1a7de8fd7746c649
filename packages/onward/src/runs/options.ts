import type { Clock } from "../clock.ts"
import type { Hub } from "../hub/index.ts"
import type { Log } from "../log/index.ts"
import type { PreparedSource, SseOptions } from "../server/index.ts"
import type { Format, Usage } from "./format.ts"
import type { RunMetrics } from "./metrics.ts"
import type { EndStatus, RunError } from "./record.ts"
import type { RunSource, RunSourceFunction } from "./source.ts"

export interface RunsOptions<F = unknown> {
  /** The hub whose log stores the runs. Pass this or `log`. */
  readonly hub?: Pick<Hub, "close" | "drain">
  /** The log that stores the runs. `runs.close()` closes it. @default memoryLog() */
  readonly log?: Log
  /** The format of the sources that `start` receives. */
  readonly format: Format<F>
  /** Other formats that viewers may ask for. */
  readonly formats?: readonly Format[]
  /**
   * The prefix of these runs' topics, after `stream.`. Use a different one for each `createRuns` on a log. These topics are reserved:
   * `hub.publish` and `hub.subscribe` refuse them. @default "run/"
   */
  readonly prefix?: string
  /**
   * How long a producer can be silent before it counts as lost, in ms. Use seconds, because a busy process can be silent for a while.
   * @default 10_000
   */
  readonly lease?: number
  /**
   * How long text is collected before it is stored as one frame, in ms and characters. The first text, and frames that are not text, are
   * never delayed.
   * @default 20 ms, 4_096
   */
  readonly flush?: { readonly interval?: number; readonly maxChars?: number }
  /** How long a run can be read after its end, in ms; then it is `expired`. The log's retention removes its entries. @default 600_000 */
  readonly retention?: number
  /** Maximum silence on a viewer's stream before a heartbeat, in ms. @default 15_000 */
  readonly heartbeat?: number
  /** Maximum duration of a run, in ms; then it fails. Use less than the time limit of the platform. @default Infinity */
  readonly maxDuration?: number
  /** Maximum length of a run, in characters of data. @default 134_217_728 */
  readonly maxChars?: number
  /** Maximum number of frames of a source. @default 500_000 */
  readonly maxFrames?: number
  /**
   * Shows a frame to viewers only after the log stored it. Otherwise viewers in the producer's process see it at once, and while the store is
   * unavailable they get frames without ids. @default false
   */
  readonly requireStored?: boolean
  /** How long the store can be unavailable before a run fails, in ms. @default 30_000 */
  readonly storeTimeout?: number
  /** Called with the promise of each production, for platforms that stop a process after its last response. */
  readonly waitUntil?: (production: Promise<void>) => void
  /** Called with what happens to runs and their viewers in this process. Errors that it throws go to `onError`. @default not called */
  readonly observe?: (event: RunObservation) => void
  /** Called with errors of sources and stores. Viewers never receive their text. @default console.error */
  readonly onError?: (error: unknown) => void
  /** The source of time and random numbers. In tests, a clock of `onward/testing`. @default the hub's, else the system clock */
  readonly clock?: Clock
}

/** What happened to a run in this process, for the option `observe`: `start`, `first` (its first text), `end`, and of viewers `attach`, `resume`, `leave`. */
export type RunObservation = RunOwner & { readonly id: string } & (
    | { readonly type: "start" | "first" | "attach" | "resume" | "leave" }
    | {
        readonly type: "end"
        readonly status: EndStatus
        readonly metrics: RunMetrics | undefined
        readonly usage: Usage | undefined
      }
  )

export type RunStatus = "running" | EndStatus | "expired" | "unknown"

/** The owner of a run. */
export interface RunOwner {
  /**
   * The user that the run belongs to, for example a user id of at most 256 characters. Each owner has separate run ids: a call with another
   * owner, or without one, does not find the run. @default no owner
   */
  readonly owner?: string
}

export interface AttachOptions extends RunOwner {
  /** Start after the frame with this id. @default from the beginning */
  readonly lastEventId?: string
  /** Whether neighbouring frames are merged when the viewer falls behind. @default true */
  readonly merge?: boolean
  /** The name of the format to deliver: one of `format` and `formats`. @default that of the run */
  readonly format?: string
  /** Ends the iteration when aborted. The run continues. */
  readonly signal?: AbortSignal
}

export interface RunStreamOptions extends RunOwner {
  /** The name of the format to deliver: one of `format` and `formats`. @default that of the run */
  readonly format?: string
  /** Answers 204 if the run is not running, which the AI SDK expects when a chat opens. @default false */
  readonly onlyActive?: boolean
  /** URL at which the run can be resumed, sent as `Content-Location`. @default no such header */
  readonly location?: string
}

export interface RespondOptions extends RunStreamOptions {
  /** Options of `sse` of `onward/web`. */
  readonly sse?: SseOptions<PreparedSource>
}

/** An item of `attach`: a frame, or the end. Without an id it is not stored in the log, or not yet. */
export type RunItem<F> =
  | { readonly id?: string; readonly frame: F; readonly end?: never }
  | { readonly id?: string; readonly end: EndStatus; readonly error?: RunError; readonly frame?: never }

/** The state of a run. */
export interface RunState {
  readonly status: RunStatus
  /** The id of the newest frame or the end: pass it to `attach` to get what follows. */
  readonly lastEventId?: string
  readonly error?: RunError
  readonly usage?: Usage
  readonly metrics?: RunMetrics
}

/** The result of `start`. */
export interface StartedRun {
  readonly id: string
  /** Whether this call started the run. False if it existed. */
  readonly isNew: boolean
  /** Resolves to the run's state when it ends. Rejects only when the store cannot be read. */
  ended(): Promise<RunState>
}

/** Runs: LLM responses that continue when clients disconnect. */
export interface Runs<F = unknown> {
  /**
   * Starts a run unless one with this id exists; `source` is then disposed of. The run continues when clients disconnect.
   * @throws OnwardError `run_expired`, `invalid_selector` for an invalid id, `log_…` when the store is unavailable
   */
  start(id: string, source: RunSource<F> | RunSourceFunction<F>, options?: RunOwner): Promise<StartedRun>
  /**
   * Iterates over a run's frames, from the beginning or after an id, then its end. Leaving the loop does not stop the run.
   * @throws OnwardError from the first `next`: `run_unknown`, `run_expired`, `invalid_start`, `log_…`
   */
  attach<G = F>(id: string, options?: AttachOptions): AsyncIterableIterator<RunItem<G>>
  /**
   * Stops a run for all viewers, from any process: its producer aborts the source. Viewers keep the frames up to then.
   * @throws OnwardError `log_…` when the store is unavailable
   */
  stop(id: string, options?: RunOwner): Promise<"stopped" | "already-ended" | "unknown">
  /**
   * Hides a run permanently in all processes: it is `expired`, viewers see it stopped, and its source is aborted. The log cannot erase
   * entries, so the text stays in the store until retention removes it; no call returns it.
   * @throws OnwardError `log_…` when the store is unavailable
   */
  delete(id: string, options?: RunOwner): Promise<"deleted" | "unknown">
  /** Resolves to a run's state. @throws OnwardError `log_…` when the store cannot be read */
  status(id: string, options?: RunOwner): Promise<RunState>
  /** A source for any adapter's `sse`: `sse(req, res, runs.source(id, { owner }))`. Options of `sse` follow it as usual. */
  source(id: string, options?: RunStreamOptions): PreparedSource
  /**
   * Answers a fetch `Request` for a run: GET and POST with its stream, after `Last-Event-ID` if the client sends one; HEAD with its status
   * (`onward-run-status`); DELETE stops it. The answer is 204 if the client has everything, 404 for an unknown run or that of another owner,
   * and 410 for an expired one.
   */
  respond(request: Request, id: string, options?: RespondOptions): Promise<Response>
  /**
   * Ends the runs of this process as failed, and closes the log unless it is a hub's. It waits up to two seconds for an unavailable store,
   * and for calls that the store has not answered. Other processes see runs whose end was not stored as `lost`, after `lease`.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** The names of {@link RunsOptions}. */
export const RUNS_OPTIONS: readonly string[] = [
  "hub",
  "log",
  "format",
  "formats",
  "prefix",
  "lease",
  "flush",
  "retention",
  "heartbeat",
  "maxDuration",
  "maxChars",
  "maxFrames",
  "requireStored",
  "storeTimeout",
  "waitUntil",
  "observe",
  "onError",
  "clock",
]
