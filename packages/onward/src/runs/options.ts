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
  /** Called for each event of the runs in this process. */
  readonly onEvent?: (event: RunEvent) => void
  /** Called with errors of sources and stores. Viewers never receive their text. @default console.error */
  readonly onError?: (error: unknown) => void
  /** The source of time and random numbers. In tests, a clock of `onward/testing`. @default the hub's, else the machine's */
  readonly clock?: Clock
}

/** What happens to runs in this process. */
export type RunEvent = RunOwner & { readonly id: string } & (
    | { readonly type: "start" | "first" | "attach" | "resume" | "leave" }
    | { readonly type: "end"; readonly status: EndStatus; readonly metrics: RunMetrics | undefined }
  )

export type RunStatus = "running" | EndStatus | "expired" | "unknown"

/** Whose run it is. */
export interface RunOwner {
  /**
   * The user that the run belongs to: text of at most 256 characters, such as a user's id. Each owner has ids of its own, and calls that
   * name another owner, or no owner, do not find the run. @default runs without an owner
   */
  readonly owner?: string
}

export interface AttachOptions extends RunOwner {
  /** Carry on after this id. @default from the beginning */
  readonly lastEventId?: string
  /** Whether what has piled up comes merged. @default true */
  readonly merge?: boolean
  /** Name of the format to watch it in, of `format` and `formats`; frames are then of that one. @default that of the run */
  readonly format?: string
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

/** What an attached viewer gets: a frame, or the end. Without an id it is not in the log (yet). */
export type RunItem<F> =
  | { readonly id?: string; readonly frame: F; readonly end?: never }
  | { readonly id?: string; readonly end: EndStatus; readonly error?: RunError; readonly frame?: never }

export interface RunState {
  readonly status: RunStatus
  /** What to carry on after. */
  readonly lastEventId?: string
  readonly error?: RunError
  readonly usage?: Usage
  readonly metrics?: RunMetrics
}

export interface StartedRun {
  readonly id: string
  /** Whether this call's source is the one that runs; else the run was there. */
  readonly isNew: boolean
  /** Resolves to how it ended. Rejects only when the store cannot be read. */
  ended(): Promise<RunState>
}

/** Answers that outlive the requests that asked for them. */
export interface Runs<F = unknown> {
  /**
   * Starts a run, unless there is one with this id: then nothing is started, and `source` is disposed of. The run goes on whoever leaves.
   * @throws OnwardError `run_expired`, `log_…` when the store does not take it
   */
  start(id: string, source: RunSource<F> | RunSourceFunction<F>, options?: RunOwner): Promise<StartedRun>
  /**
   * A run's frames, from the beginning or after an id, then its end. Leaving the loop stops nothing.
   * @throws OnwardError from the first `next`: `run_unknown`, `run_expired`, `invalid_start`, `log_…`
   */
  attach<G = F>(id: string, options?: AttachOptions): AsyncIterableIterator<RunItem<G>>
  /**
   * Ends a run for everybody, from any process, and has its producer abort its source. What has come until then stays.
   * @throws OnwardError `log_…` when the store does not take it
   */
  stop(id: string, options?: RunOwner): Promise<"stopped" | "already-ended" | "unknown">
  /**
   * Takes a run away from everybody, at once and for good: it is `expired` for its owner, those who watch it see it stopped, and its
   * source is aborted. The log has no way to erase: the text stays in the store, where nothing here reads it, until retention removes it.
   * @throws OnwardError `log_…` when the store does not take it
   */
  delete(id: string, options?: RunOwner): Promise<"deleted" | "unknown">
  /** How a run stands. @throws OnwardError `log_…` when the store cannot be read */
  status(id: string, options?: RunOwner): Promise<RunState>
  /** A run as the source of any adapter's `sse`: `sse(req, res, runs.source(id, { owner }))`. More options of `sse` follow it as usual. */
  source(id: string, options?: RunStreamOptions): PreparedSource
  /**
   * Answers a fetch-style request: GET and POST with the run's stream, after `Last-Event-ID` if there is one, HEAD with how it stands
   * (`onward-run-status`), DELETE by stopping it. 204 to who has had everything, 404 unknown or another's, 410 expired.
   */
  respond(request: Request, id: string, options?: RespondOptions): Promise<Response>
  /**
   * Ends what is produced here, as failed, and closes the log unless it is a hub's. A store that is away is waited for for two seconds,
   * and as long as its own calls take; what it did not take is known elsewhere as `lost`, after `lease`.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Every name of {@link RunsOptions}. */
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
  "onEvent",
  "onError",
  "clock",
]
