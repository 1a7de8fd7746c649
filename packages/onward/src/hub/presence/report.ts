import type { StoredMessage } from "../../message.ts"

/** Where processes tell each other who is with them; no pattern matches it, and nobody else may publish or subscribe there. */
export const PRESENCE_TOPIC = "stream.presence"

/** What changed on a topic: how many streams there are now, and which people came and went. */
export type Change = readonly [topic: string, streams: number, came: readonly string[], went: readonly string[]]

/** What one process tells the others. */
export interface PresenceReport {
  /** The process. */
  readonly from: string
  /** All that it told before is to be forgotten. */
  readonly anew?: true
  /** It wants to be told everything by everyone. */
  readonly asks?: true
  /** It is alive, which it says now and then. */
  readonly beat?: true
  /** It is gone. */
  readonly leaves?: true
  readonly changes?: readonly Change[]
}

/** Most people in one change. */
const PORTION = 200
/** Most characters of changes in one message, about. */
const PART_CHARS = 65_536

/** Writes a telling as messages, of which none is too large. */
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
    const telling: PresenceReport = {
      ...(i === 0 ? head : { from: head.from }),
      ...(part.length > 0 && { changes: part }),
    }
    return { topic: PRESENCE_TOPIC, data: JSON.stringify(telling) }
  })
}

/** A change of many people as several of fewer. */
function portions([topic, streams, came, went]: Change): Change[] {
  const count = Math.max(1, Math.ceil(Math.max(came.length, went.length) / PORTION))
  const cut = (userIds: readonly string[], i: number) => userIds.slice(i * PORTION, (i + 1) * PORTION)
  return Array.from({ length: count }, (_, i) => [topic, streams, cut(came, i), cut(went, i)])
}

/** Reads what a process told; undefined for what none did, but somebody wrote into the log. */
export function readReport(data: string): PresenceReport | undefined {
  try {
    const told = JSON.parse(data) as Partial<PresenceReport> | null
    return typeof told?.from === "string" && Array.isArray(told.changes ?? []) ? (told as PresenceReport) : undefined
  } catch {
    return undefined
  }
}
