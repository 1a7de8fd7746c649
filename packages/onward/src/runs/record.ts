import type { Entry, StoredMessage } from "../message.ts"
import { decodeDelta, encodeDelta, type DeltaRecord, type KeptFrame } from "./delta-data.ts"
import type { FormatMessage, Usage } from "./format.ts"
import type { RunMetrics } from "./metrics.ts"

/** A record of a run in the log. `by` names an attempt to produce the run, `n` counts the records of that attempt from 1. */
export type RunRecord =
  | { readonly type: "open"; readonly by: string; readonly format: string }
  | DeltaRecord
  | { readonly type: "beat"; readonly by: string; readonly n: number }
  /** New viewers in a process other than the producer's. */
  | { readonly type: "seen"; readonly viewers: number; readonly resumes: number }
  /** Hides the run. It is the newest record of its run, so retention removes it after those that it hides. */
  | { readonly type: "delete"; readonly mark: string }
  | EndRecord

/** The end of a run. Without `by` it comes from another process: a stop, or a lost producer. */
export interface EndRecord {
  readonly type: "end"
  /** Unique, so that its writer finds out whether this end was the first. */
  readonly mark: string
  readonly by?: string
  readonly status: EndStatus
  readonly error?: RunError
  readonly usage?: Usage
  readonly metrics?: RunMetrics
}

export type EndStatus = "completed" | "failed" | "stopped" | "lost"

/** An error that viewers may see. */
export interface RunError {
  readonly code: string
  readonly message: string
}

const PREFIX = "run."

const DELTA = `${PREFIX}delta`

export function messageOf(topic: string, record: RunRecord): StoredMessage {
  // one text for all deltas
  if (record.type === "delta") return { topic, event: DELTA, data: encodeDelta(record) ?? dataOf(record) }
  return { topic, event: PREFIX + record.type, data: dataOf(record) }
}

const dataOf = ({ type: _, ...rest }: RunRecord): string => JSON.stringify(rest)

/**
 * The record in an entry; undefined for any other entry. Only this library writes to the topics of runs, but a store can be damaged, edited
 * by hand or written by another version, so each record is checked.
 */
export function recordOf({ event, data }: Pick<Entry, "event" | "data">): RunRecord | undefined {
  if (event === undefined || !event.startsWith(PREFIX)) return undefined
  try {
    if (event === DELTA && !data.startsWith("{")) {
      return decodeDelta(data)
    }
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
    // another process can only stop the run, or mark its producer as lost
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

/** The frames of a delta record's data; none for other text. */
export function framesOfDelta(data: string): readonly KeptFrame[] {
  const record = recordOf({ event: DELTA, data })
  return record?.type === "delta" ? record.frames : []
}

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

/** A unique name. */
export const markOf = (): string => globalThis.crypto.randomUUID().replaceAll("-", "").slice(0, 16)
