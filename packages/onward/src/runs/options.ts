import type { Clock } from "../clock.ts"
import type { Hub } from "../hub/index.ts"
import type { Log } from "../log/index.ts"
import type { PreparedSource, SseOptions } from "../server/index.ts"
import type { Format, Usage } from "./format.ts"
import type { RunMetrics } from "./metrics.ts"
import type { EndStatus, RunError } from "./record.ts"
import type { RunSource, RunSourceFunction } from "./source.ts"

export interface RunsOptions<F = unknown> {
  /** The hub whose log keeps the runs. Give this or `log`. */
  readonly hub?: Pick<Hub, "close" | "drain">
  /** The log that keeps the runs; closed with them. @default memoryLog() */
  readonly log?: Log
  /** How frames travel: that of what `start` is given. */
  readonly format: Format<F>
  /** Other formats that viewers may ask for. */
  readonly formats?: readonly Format[]
  /**
   * What the topics of these runs begin with, after `stream.`: another for each `createRuns` on one log. Such topics are reserved, so
   * `hub.publish` and `hub.subscribe` refuse them. @default "run/"
   */
  readonly prefix?: string
  /** How long a producer may be silent before its run is given up as lost, in ms: seconds, as a busy process is not dead. @default 10_000 */
  readonly lease?: number
  /** How long a piece of an answer waits for more, in ms and in characters. The first one, and what is no mere piece, never waits. @default 20 ms, 4_096 */
  readonly flush?: { readonly interval?: number; readonly maxChars?: number }
  /** How long a run can be read after its end, in ms; then it is `expired`. Its records go when the log removes them. @default 600_000 */
  readonly retention?: number
  /** Longest silence on a viewer's stream, in ms. @default 15_000 */
  readonly heartbeat?: number
  /** Longest life of a run, in ms: it ends as failed, in time before a platform kills its producer. @default Infinity */
  readonly maxDuration?: number
  /** Longest answer, in characters of data. @default 134_217_728 */
  readonly maxChars?: number
  /** Most frames that a source may give. @default 500_000 */
  readonly maxFrames?: number
  /**
   * Shows a frame to viewers only after the log stored it. Otherwise viewers in the producer's process see it at once, and while the store is
   * unavailable they get frames without ids. @default false
   */
  readonly requireStored?: boolean
  /** How long the store may take nothing before a run fails, in ms. @default 30_000 */
  readonly storeTimeout?: number
  /** Given each production's promise, for platforms that end a process with its last response. */
  readonly waitUntil?: (production: Promise<void>) => void
  /** Told what runs do here. */
  readonly onEvent?: (event: RunEvent) => void
  /** Told what sources threw, and of stores that are away. Viewers are never. @default console.error */
  readonly onError?: (error: unknown) => void
  /** Where time and chance come from, in tests that of `onward/testing`. @default the hub's, else the machine's */
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
  /** Name of the format to watch it in, of `format` and `formats`. @default that of the run */
  readonly format?: string
  /** Answers 204 unless the run is running: what the AI SDK asks when a chat is opened. @default false */
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
