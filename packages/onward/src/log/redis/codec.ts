import type { Entry, StoredMessage } from "../../message.ts"
import { formatPosition } from "../driver/position.ts"
import { sizeOf } from "../driver/retention.ts"

const PLUS = 43

/**
 * Encodes a message for the script: topic, data and size. If the message has other fields, a `+`, then event, id, idempotency key and
 * retry as JSON, one line each, empty when absent. JSON has no line breaks, so the script can split the lines without parsing.
 */
export function wordsOf({ topic, data, event, id, idempotencyKey: key, retry }: StoredMessage): string[] {
  const isPlain = event === undefined && id === undefined && key === undefined && retry === undefined
  const more = isPlain ? "" : `+\n${[event, id, key, retry].map((value) => JSON.stringify(value) ?? "").join("\n")}`
  return [topic, data, String(sizeOf(topic, data, event, id, key)), more]
}

/** Encodes an id like {@link wordsOf}. */
export const nameOfId = (id: string): string => JSON.stringify(id)

/**
 * Decodes an entry of the stream. It has one field: the topic and one text, because each element of a reply takes time to parse.
 * The text is a line with time, size and the other fields by {@link wordsOf}, followed by the data.
 */
export function entryOf(epoch: string, sequence: number, topic: string, stored: string): Entry {
  const position = formatPosition(epoch, sequence)
  const time = Number.parseFloat(stored)
  let end = stored.indexOf("\n")
  if (stored.charCodeAt(end - 1) !== PLUS) return { topic, data: stored.slice(end + 1), position, time }
  const [event, id, key, retry] = Array.from({ length: 4 }, () => {
    const start = end + 1
    end = stored.indexOf("\n", start)
    return stored.slice(start, end)
  })
  return {
    topic,
    data: stored.slice(end + 1),
    position,
    time,
    ...(event && { event: JSON.parse(event) as string }),
    ...(id && { id: JSON.parse(id) as string }),
    ...(key && { idempotencyKey: JSON.parse(key) as string }),
    ...(retry && { retry: JSON.parse(retry) as number }),
  }
}
