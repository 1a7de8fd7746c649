import type { Entry, StoredMessage } from "../message.ts"
import type { FormatMessage, Usage } from "./format.ts"
import type { RunMetrics } from "./metrics.ts"

/** A frame as the log keeps it: its data alone, or data and event. */
export type KeptFrame = string | readonly [data: string, event: string]

/** What a run is made of in the log. `by` names one attempt to produce it, `n` counts that attempt's records from 1. */
export type RunRecord =
  | { readonly type: "open"; readonly by: string; readonly format: string; readonly owner?: string }
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

/** The topic of the log that holds a run. */
export const topicOf = (prefix: string, id: string): string => prefix + id

export function messageOf(topic: string, { type, ...rest }: RunRecord): StoredMessage {
  return { topic, event: PREFIX + type, data: JSON.stringify(rest) }
}

/** Undefined for what is no record: anybody may publish on the topic. */
export function recordOf({ event, data }: Pick<Entry, "event" | "data">): RunRecord | undefined {
  if (event === undefined || !event.startsWith(PREFIX)) return undefined
  try {
    const record = { ...JSON.parse(data), type: event.slice(PREFIX.length) } as RunRecord
    return isRecord(record) ? record : undefined
  } catch {
    return undefined
  }
}

function isRecord(record: RunRecord): boolean {
  if (record.type === "end") return typeof record.mark === "string" && typeof record.status === "string"
  if (record.type === "seen")
    return [record.viewers, record.resumes].every((each) => Number.isSafeInteger(each) && each >= 0)
  if (record.type === "delete") return typeof record.mark === "string"
  if (typeof record.by !== "string") return false
  if (record.type === "open") return typeof record.format === "string"
  return typeof record.n === "number" && (record.type !== "delta" || Array.isArray(record.frames))
}

export const keptOf = ({ data, event }: FormatMessage): KeptFrame => (event === undefined ? data : [data, event])

export const wireOf = (kept: KeptFrame): FormatMessage =>
  typeof kept === "string" ? { data: kept } : { data: kept[0], event: kept[1] }

/** A name that nobody else has. */
export const markOf = (): string => globalThis.crypto.randomUUID().replaceAll("-", "").slice(0, 16)
