import type { StoredMessage } from "../message.ts"

/** What a process says about members, to the others and to itself. */
export type Report =
  /** A member joined at a process, or was there when the process was asked. */
  | { readonly is: "here"; readonly from: string; readonly members: readonly ReportedMember[] }
  /** The connection of a member ended. It has left if it does not return within the grace period. */
  | { readonly is: "away"; readonly from: string; readonly id: string }
  /** A member that was away is at this process. */
  | { readonly is: "back"; readonly from: string; readonly id: string }
  /** A member has left. */
  | { readonly is: "left"; readonly from: string; readonly id: string }
  /** Shows at intervals that the process runs. */
  | { readonly is: "beat"; readonly from: string }
  /** The process has just started, or has missed something: it asks the others for their members. */
  | { readonly is: "ask"; readonly from: string }
  /** The process ends. */
  | { readonly is: "bye"; readonly from: string }

export interface ReportedMember {
  readonly id: string
  /** How often it has return. */
  readonly times: number
  readonly identity: string | undefined
  readonly data: unknown
}

/**
 * The messages of a report. That a member has returned and that it has left have the same key, so the log keeps only the one that is stored first.
 */
export function writeReport(topic: string, report: Report, times?: number): StoredMessage {
  const data = JSON.stringify(report)
  if (report.is !== "back" && report.is !== "left") return { topic, data }
  return { topic, data, idempotencyKey: `${report.id} ${times}` }
}

const KINDS = new Set<unknown>(["here", "away", "back", "left", "beat", "ask", "bye"])
const OF_ONE = new Set<unknown>(["away", "back", "left"])

/** Undefined for other data in the log, such as that of a later version. */
export function readReport(data: string): Report | undefined {
  try {
    const { is, from, id, members } = JSON.parse(data) as Record<string, unknown>
    const isReport = KINDS.has(is) && typeof from === "string" && (typeof id === "string" || !OF_ONE.has(is))
    return isReport && (is !== "here" || areMembers(members)) ? (JSON.parse(data) as Report) : undefined
  } catch {
    return undefined
  }
}

const areMembers = (members: unknown): boolean =>
  Array.isArray(members) &&
  members.every(
    (each: Partial<ReportedMember> | null) => typeof each?.id === "string" && typeof each.times === "number",
  )
