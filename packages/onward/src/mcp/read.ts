import { OnwardError } from "../errors.ts"
import type { Entry, Position } from "../message.ts"
import { systemClock } from "../clock.ts"
import { turnsOf } from "../turns.ts"
import type { McpLog } from "./mcp-log.ts"
import { isPriming, logIdOf, recordOf, type McpRecord } from "./record.ts"

const PAGE = 500

const turns = turnsOf(systemClock)

/** A message as clients receive it. */
export interface Sent extends McpRecord {
  readonly id: string
}

/** The messages of one read, and the position to continue after. */
export interface Stretch {
  readonly sent: readonly Sent[]
  readonly next: Position
}

/** The position of a session's event; undefined for an id of another session, or one that the log has removed. */
export async function find({ log }: McpLog, topic: string, eventId: string): Promise<Position | undefined> {
  const id = logIdOf(topic, eventId)
  return id === undefined ? undefined : log.locate({ id, topics: [topic] })
}

/** Whether the log has messages of a session. */
export async function isKnown({ log }: McpLog, topic: string): Promise<boolean> {
  let after = (await log.bounds()).first
  for (;;) {
    if (turns.isOver) await turns.next()
    const { entries, next } = await log.read({ after, topics: [topic], limit: 1 })
    if (entries.length > 0) return true
    if (next === after) return false
    after = next
  }
}

/**
 * Reads messages of a stream after a position, oldest first. At the end `next` does not change.
 * @throws OnwardError `invalid_start` when the log has removed some of them, `log_…`
 */
export async function readStream(mcpLog: McpLog, topic: string, stream: string, after: Position): Promise<Stretch> {
  if (turns.isOver) await turns.next()
  const { entries, next, lost } = await mcpLog.log.read({ after, topics: [topic], limit: PAGE })
  if (lost) throw lostAfter()
  return { sent: entries.flatMap((entry) => sentIn(topic, stream, entry) ?? []), next }
}

/** The message in an entry; undefined for one of another stream, or one that clients do not get. */
export function sentIn(topic: string, stream: string, entry: Entry): Sent | undefined {
  const record = recordOf(topic, entry)
  return record && record.stream === stream && !isPriming(record.message) ? record : undefined
}

/** Why a stream cannot be resumed exactly. */
export const lostAfter = (): OnwardError =>
  new OnwardError(
    "invalid_start",
    "Messages after this event id were removed by retention. Start a new request without it.",
  )
