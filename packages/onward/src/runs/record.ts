import type { Entry, StoredMessage } from "../message.ts"
import type { FormatMessage, Usage } from "./format.ts"
import type { RunMetrics } from "./metrics.ts"

/** A frame as the log keeps it: its data alone, or data and event. */
export type KeptFrame = string | readonly [data: string, event: string]

/** What a run is made of in the log. `by` names one attempt to produce it, `n` counts that attempt's records from 1. */
export type RunRecord =
  | { readonly type: "open"; readonly by: string; readonly format: string }
  | { readonly type: "delta"; readonly by: string; readonly n: number; readonly frames: readonly KeptFrame[] }
  | { readonly type: "beat"; readonly by: string; readonly n: number }
  /** Who began to watch it in a process that is not its producer's. */
  | { readonly type: "seen"; readonly viewers: number; readonly resumes: number }
  /** Nobody is to see it any more. The newest record of its run, so no retention can remove it before what it hides. */
  | { readonly type: "delete"; readonly mark: string }
  | EndRecord

/** How it ended. Without `by` it is somebody else's word: a stop, or that the producer is lost. */
export interface EndRecord {
  readonly type: "end"
  /** Another for each, by which whoever wrote it finds out whether it was first. */
  readonly mark: string
  readonly by?: string
  readonly status: EndStatus
  readonly error?: RunError
  readonly usage?: Usage
  readonly metrics?: RunMetrics
}

export type EndStatus = "completed" | "failed" | "stopped" | "lost"

/** What went wrong, fit to be shown to whoever watches. */
export interface RunError {
  readonly code: string
  readonly message: string
}

const PREFIX = "run."

export function messageOf(topic: string, { type, ...rest }: RunRecord): StoredMessage {
  return { topic, event: PREFIX + type, data: JSON.stringify(rest) }
}

/**
 * The record in an entry; undefined for anything else. Only this library writes on the topics of runs, but a store can be damaged, edited
 * by hand or written by another version, so nothing is used unread.
 */
export function recordOf({ event, data }: Pick<Entry, "event" | "data">): RunRecord | undefined {
  if (event === undefined || !event.startsWith(PREFIX)) return undefined
  try {
    const record = { ...JSON.parse(data), type: event.slice(PREFIX.length) } as RunRecord
    return Object.hasOwn(CHECKS, record.type) && CHECKS[record.type](record) ? record : undefined
  } catch {
    return undefined
  }
}

type Checks = { readonly [T in RunRecord["type"]]: (record: Unread<Extract<RunRecord, { type: T }>>) => boolean }
type Unread<T> = { readonly [K in keyof T]?: unknown }

const CHECKS: Checks = {
  open: ({ by, format }) => isText(by) && isText(format),
  delta: ({ by, n, frames }) => isText(by) && isCount(n) && Array.isArray(frames) && frames.every(isKept),
  beat: ({ by, n }) => isText(by) && isCount(n),
  seen: ({ viewers, resumes }) => isCount(viewers) && isCount(resumes),
  delete: ({ mark }) => isText(mark),
  end: ({ mark, by, status, error, usage, metrics }) =>
    isText(mark) &&
    // what another process says is that it stopped the run, or that the producer is lost
    (by === undefined ? OF_OTHERS : STATUSES).includes(status) &&
    (by === undefined || isText(by)) &&
    (error === undefined || (isObject(error) && isText(error["code"]) && isText(error["message"]))) &&
    (usage === undefined || isUsage(usage)) &&
    (metrics === undefined || isMetrics(metrics)),
}

const OF_OTHERS: readonly unknown[] = ["stopped", "lost"] satisfies EndStatus[]
const STATUSES: readonly unknown[] = ["completed", "failed", "stopped", "lost"] satisfies EndStatus[]

const isText = (value: unknown): value is string => typeof value === "string"

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

const isNumber = (value: unknown): boolean => typeof value === "number"

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Asked for each frame of each viewer's process, so nothing is made for it. */
const isKept = (frame: unknown): boolean =>
  isText(frame) || (Array.isArray(frame) && frame.length === 2 && isText(frame[0]) && isText(frame[1]))

const isUsage = (usage: unknown): boolean =>
  isObject(usage) && [usage["input"], usage["output"]].every((count) => count === undefined || isNumber(count))

const isMetrics = (metrics: unknown): boolean =>
  isObject(metrics) &&
  ["duration", "tokens", "viewers", "resumes", "raw", "merged"].every((name) => isNumber(metrics[name])) &&
  ["ttft", "rate"].every((name) => metrics[name] === undefined || isNumber(metrics[name])) &&
  (metrics["counted"] === "usage" || metrics["counted"] === "frames") &&
  (metrics["gaps"] === undefined || isObject(metrics["gaps"]))

export const keptOf = ({ data, event }: FormatMessage): KeptFrame => (event === undefined ? data : [data, event])

export const wireOf = (kept: KeptFrame): FormatMessage =>
  typeof kept === "string" ? { data: kept } : { data: kept[0], event: kept[1] }

/** A name that nobody else has. */
export const markOf = (): string => globalThis.crypto.randomUUID().replaceAll("-", "").slice(0, 16)
