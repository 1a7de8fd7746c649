import type { Entry, StoredMessage } from "../../message.ts"
import { formatPosition } from "../driver/position.ts"
import { sizeOf } from "../driver/retention.ts"

const PLUS = 43

/**
 * A message as the script takes it: topic, data, size, and when there is more, a `+` and then event, id, key and retry as JSON,
 * a line each, empty when absent. JSON has no line breaks of its own, so that the script can cut it without reading it.
 */
export function wordsOf({ topic, data, event, id, idempotencyKey: key, retry }: StoredMessage): string[] {
  const isPlain = event === undefined && id === undefined && key === undefined && retry === undefined
  const more = isPlain ? "" : `+\n${[event, id, key, retry].map((value) => JSON.stringify(value) ?? "").join("\n")}`
  return [topic, data, String(sizeOf(topic, data, event, id, key)), more]
}

/** An id as the script knows it. */
export const nameOfId = (id: string): string => JSON.stringify(id)

/**
 * An entry from what the stream holds: one pair, of its topic and one text, because each word of an answer costs its reader.
 * The text is a line of time, size and what {@link wordsOf} made of the rest, and after it the data.
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
