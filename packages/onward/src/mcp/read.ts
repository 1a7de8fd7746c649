import { OnwardError } from "../errors.ts"
import type { Position } from "../message.ts"
import { systemClock } from "../clock.ts"
import { turnsOf } from "../turns.ts"
import type { McpLog } from "./mcp-log.ts"
import { isPriming, logIdOf, recordOf, type McpRecord } from "./record.ts"

const PAGE = 500

const turns = turnsOf(systemClock)

/** A message as clients get it. */
export interface Sent extends McpRecord {
  readonly id: string
}

/** What was looked at, and how far. */
export interface Stretch {
  readonly sent: readonly Sent[]
  readonly next: Position
}

/** Where a session's event is in the log; undefined for an id that was not given in this session, or is not kept any more. */
export async function find({ log }: McpLog, topic: string, eventId: string): Promise<Position | undefined> {
  const id = logIdOf(topic, eventId)
  return id === undefined ? undefined : log.locate({ id, topics: [topic] })
}

/** Whether anything of a session is kept. */
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
 * Messages of one stream after a position, oldest first: one read's worth. At the end `next` does not move.
 * @throws OnwardError `invalid_start` when some of them are gone, `log_…`
 */
export async function readStream(place: McpLog, topic: string, stream: string, after: Position): Promise<Stretch> {
  if (turns.isOver) await turns.next()
  const { entries, next, lost } = await place.log.read({ after, topics: [topic], limit: PAGE })
  if (lost) throw new OnwardError("invalid_start", "what came after this event id is not kept any more: ask again")
  const sent = entries.flatMap((entry) => {
    const record = recordOf(topic, entry)
    return record && record.stream === stream && !isPriming(record.message) ? [record] : []
  })
  return { sent, next }
}
