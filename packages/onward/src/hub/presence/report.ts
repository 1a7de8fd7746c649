import type { StoredMessage } from "../../message.ts"

/** The topic of the reports. No pattern matches it, and users cannot publish or subscribe to it. */
export const PRESENCE_TOPIC = "stream.presence"

/** A change on a topic: the number of streams, and which users came and went. */
export type Change = readonly [topic: string, streams: number, came: readonly string[], went: readonly string[]]

/** A report of one process to the others. */
export interface PresenceReport {
  /** The process. */
  readonly from: string
  /** It has all topics of the process, and replaces its earlier reports. */
  readonly complete?: true
  /** It asks all others for complete reports. */
  readonly asks?: true
  /** It is a beat: sent at intervals, to show that the process is alive. */
  readonly beat?: true
  /** The process ends. */
  readonly leaves?: true
  readonly changes?: readonly Change[]
}

/** Maximum number of users in one change. */
const PORTION = 200
/** About how many characters of changes one message has at most. */
const PART_CHARS = 65_536

/** Writes a report as messages of limited size. */
export function writeReport({ changes = [], ...head }: PresenceReport): StoredMessage[] {
  const parts: Change[][] = [[]]
  let chars = 0
  for (const change of changes.flatMap(portions)) {
    const length = JSON.stringify(change).length
    if (chars > 0 && chars + length > PART_CHARS) {
      parts.push([])
      chars = 0
    }
    parts.at(-1)?.push(change)
    chars += length
  }
  return parts.map((part, i) => {
    const report: PresenceReport = {
      ...(i === 0 ? head : { from: head.from }),
      ...(part.length > 0 && { changes: part }),
    }
    return { topic: PRESENCE_TOPIC, data: JSON.stringify(report) }
  })
}

/** Splits a change of many users into several of fewer. */
function portions([topic, streams, came, went]: Change): Change[] {
  const count = Math.max(1, Math.ceil(Math.max(came.length, went.length) / PORTION))
  const cut = (userIds: readonly string[], i: number) => userIds.slice(i * PORTION, (i + 1) * PORTION)
  return Array.from({ length: count }, (_, i) => [topic, streams, cut(came, i), cut(went, i)])
}

/** Reads a report; undefined for other data in the log. */
export function readReport(data: string): PresenceReport | undefined {
  try {
    const told = JSON.parse(data) as Partial<PresenceReport> | null
    return typeof told?.from === "string" && Array.isArray(told.changes ?? []) ? (told as PresenceReport) : undefined
  } catch {
    return undefined
  }
}
