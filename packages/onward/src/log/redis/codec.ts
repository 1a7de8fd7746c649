import type { Entry, StoredMessage } from "../../message.ts"
import { formatPosition } from "../position.ts"
import { sizeOf } from "../retention.ts"

/**
 * A message as the script takes it: topic, data, size, and event, id, key and retry as JSON, a line each, empty when absent.
 * JSON has no line breaks of its own, so that the script can cut it without reading it.
 */
export function wordsOf({ topic, data, event, id, key, retry }: StoredMessage): string[] {
  const isPlain = event === undefined && id === undefined && key === undefined && retry === undefined
  const more = isPlain ? "" : `\n${[event, id, key, retry].map((value) => JSON.stringify(value) ?? "").join("\n")}`
  return [topic, data, String(sizeOf(topic, data, event, id, key)), more]
}

/** An id as the script knows it. */
export const nameOfId = (id: string): string => JSON.stringify(id)

/** An entry from what the stream holds: `meta` is time and size, then what {@link wordsOf} made of the rest. */
export function entryOf(epoch: string, place: string, topic: string, data: string, meta: string): Entry {
  const entry = {
    topic,
    data,
    position: formatPosition(epoch, Number.parseInt(place, 10)),
    time: Number.parseFloat(meta),
  }
  const end = meta.indexOf("\n")
  if (end === -1) return entry
  const [event, id, key, retry] = meta.slice(end + 1).split("\n")
  return {
    ...entry,
    ...(event && { event: JSON.parse(event) as string }),
    ...(id && { id: JSON.parse(id) as string }),
    ...(key && { key: JSON.parse(key) as string }),
    ...(retry && { retry: JSON.parse(retry) as number }),
  }
}
