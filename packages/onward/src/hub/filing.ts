import { byteLength } from "../bytes.ts"
import type { Entry, StoredMessage } from "../message.ts"
import { isPattern, isReserved, MAX_TOPIC_BYTES } from "../topic.ts"
import type { CheckedMessage } from "./check-published.ts"

/**
 * How messages are stored that a log cannot express: several topics, private, a topic of any name, an id that its topic has already. They
 * are *filed* on reserved topics of the log, with one line of JSON before the data, and unfiled when they are read. So drivers need not
 * know them, and an older process ignores them.
 *
 * - One topic: on a log topic of its own, so that losses and the retention of topics stay exact. The line is empty if there is nothing to say.
 * - Several topics, or a name that is too long for a log: all on one log topic, `MANY`. Its losses concern every subscriber, and the
 *   retention of topics counts it as one.
 *
 * The reserved names hold a `*`, which neither users nor other parts of Onward use in a topic.
 */
const PRIVATE = "stream.*p:"
const OTHER = "stream.*o:"
export const MANY = "stream.*many"
const FILED = "stream.*"

/** The line before the data of a filed message. */
interface Head {
  /** Its topics, the first of them `topic`. Absent when the log topic names the only one. */
  readonly t?: readonly string[]
  /** It is private. */
  readonly p?: 1
  /** Its id, which the log does not know, because an older entry has it. */
  readonly i?: string
  /** Its idempotency key. That of the log begins with the topic. */
  readonly k?: string
}

/**
 * A topic as the hub names it. Topics that begin with `stream.` are Onward's own, so a user's topic of such a name has another one here.
 * Only a filed message can have it.
 */
export const innerName = (topic: string): string => (isReserved(topic) ? OTHER + topic : topic)

/** A topic as users name it; undefined for one of Onward's own. */
export function outerName(topic: string): string | undefined {
  if (!isReserved(topic)) return topic
  return topic.startsWith(OTHER) ? topic.slice(OTHER.length) : undefined
}

// a UTF-16 unit has at most three bytes
const isLong = (topic: string): boolean => topic.length * 3 > MAX_TOPIC_BYTES && byteLength(topic) > MAX_TOPIC_BYTES
const isOrdinary = (topic: string): boolean => !isReserved(topic) && !isPattern(topic) && !isLong(topic)

/** How a message is filed that is not a repeat, but that the log took for one: without the id, and without the key if that is not its own. */
export type Again = "without id" | "without id and key"

/** The message that the log stores. */
export function file(message: CheckedMessage, scope: "key" | "id and key", again?: Again): StoredMessage {
  const { also, private: isPrivate, ...plain } = message
  const { topic, data, id, idempotencyKey: key, ...rest } = plain
  if (!also && !isPrivate && !again && isOrdinary(topic)) return plain
  const isMany = also !== undefined || isLong(topic)
  const kept = isMany ? scopedKey(message, scope) : key
  const head: Head = {
    ...(isMany && { t: [topic, ...(also ?? [])], ...(isPrivate && { p: 1 as const }) }),
    ...(again && id !== undefined && { i: id }),
    ...(isMany && key !== undefined && { k: key }),
  }
  const line = Object.keys(head).length > 0 ? JSON.stringify(head) : ""
  return {
    ...rest,
    topic: isMany ? MANY : (isPrivate ? PRIVATE : OTHER) + topic,
    data: `${line}\n${data}`,
    ...(!again && id !== undefined && { id }),
    ...(again !== "without id and key" && kept !== undefined && { idempotencyKey: kept }),
  }
}

const MAX_KEY = 512

/**
 * The key of a message among those of all topics on `MANY`. An id alone becomes one too, because the log compares ids with those of other
 * topics. A long one is cut, so two can be equal: the reader of a repeat compares what the entry says.
 */
function scopedKey(
  { topic, private: isPrivate, id, idempotencyKey: key }: CheckedMessage,
  scope: "key" | "id and key",
): string | undefined {
  const own = key !== undefined ? `k${key}` : id !== undefined && scope === "id and key" ? `i${id}` : undefined
  if (own === undefined) return undefined
  const text = `${isPrivate ? "p" : ""}${own} ${topic}`.toWellFormed()
  return text.length <= MAX_KEY ? text : `${text.slice(0, MAX_KEY - 20).toWellFormed()} ${text.length} ${hashOf(text)}`
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(36)
}

/** Whether `kept` is the entry of `message`: on the same topic, as private, with its key, or with its id if ids make repeats. */
export function isEntryOf(kept: Entry, message: CheckedMessage, scope: "key" | "id and key"): boolean {
  const { topic, private: isPrivate, id, idempotencyKey: key } = message
  if (kept.topic !== innerName(topic) || kept.private !== isPrivate) return false
  if (key !== undefined && kept.idempotencyKey === key) return true
  return scope === "id and key" && id !== undefined && kept.id === id
}

/** An entry as it was published. */
export interface UnfiledEntry extends Entry {
  /** Its topic had its id already. */
  readonly repeatsId?: true
}

/** Turns an entry of the log into what was published. What is not filed stays as it is; what is filed by other rules has a topic that nothing matches. */
export function unfile(entry: Entry): UnfiledEntry {
  const { topic } = entry
  if (!topic.startsWith(FILED)) return entry
  const end = entry.data.indexOf("\n")
  const head = end < 0 ? undefined : readHead(entry.data.slice(0, end))
  if (!head) return unreadable(entry)
  const names = topic === MANY ? head.t : nameIn(topic)
  const [first, ...also] = (names ?? []).map(innerName)
  if (first === undefined) return unreadable(entry)
  const { id, idempotencyKey, ...rest } = entry
  const ownId = head.i ?? id
  const key = topic === MANY ? head.k : idempotencyKey
  return {
    ...rest,
    topic: first,
    data: entry.data.slice(end + 1),
    ...(also.length > 0 && { also }),
    ...((head.p || topic.startsWith(PRIVATE)) && { private: true as const }),
    ...(ownId !== undefined && { id: ownId }),
    ...(key !== undefined && { idempotencyKey: key }),
    ...(head.i !== undefined && { repeatsId: true as const }),
  }
}

const unreadable = (entry: Entry): Entry => ({ ...entry, topic: MANY })

function nameIn(logTopic: string): readonly string[] | undefined {
  const prefix = [PRIVATE, OTHER].find((each) => logTopic.startsWith(each))
  return prefix && logTopic.length > prefix.length ? [logTopic.slice(prefix.length)] : undefined
}

/** Undefined for a line that `file` does not write. */
function readHead(line: string): Head | undefined {
  if (line === "") return {}
  if (!line.startsWith("{")) return undefined
  try {
    const head = JSON.parse(line) as Head
    const { t, p, i, k } = head
    const isText = (value: unknown): boolean => value === undefined || (typeof value === "string" && value !== "")
    const areTopics =
      t === undefined || (Array.isArray(t) && t.length > 0 && t.every((topic) => topic && isText(topic)))
    return areTopics && isText(i) && isText(k) && (p === undefined || p === 1) ? head : undefined
  } catch {
    return undefined
  }
}

/** Whether an entry is, or would be, on {@link MANY}. */
export const isOnMany = ({ topic, also }: Entry): boolean => also !== undefined || isLong(topic)

/** The topics of an entry. */
export const topicsOf = ({ topic, also }: Entry): readonly string[] => (also ? [topic, ...also] : [topic])

/** Where the log has entries of a topic: public ones, and with `isPrivateToo` private ones. Those with several topics are on {@link MANY}. */
export function logTopicsOf(topic: string, isPrivateToo: boolean): string[] {
  const name = outerName(topic) ?? topic
  return [...(isOrdinary(name) ? [name] : []), OTHER + name, ...(isPrivateToo ? [PRIVATE + name] : [])]
}

/** The topic that a log topic holds entries of, and whether these are private. */
export function readLogTopic(logTopic: string): { readonly topic: string; readonly isPrivate: boolean } {
  if (logTopic.startsWith(PRIVATE)) return { topic: innerName(logTopic.slice(PRIVATE.length)), isPrivate: true }
  return { topic: logTopic.startsWith(OTHER) ? innerName(logTopic.slice(OTHER.length)) : logTopic, isPrivate: false }
}
