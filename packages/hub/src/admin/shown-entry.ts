import type { Entry } from "onward"
import type { IsPrivate } from "./private-topics.ts"

/** Longest payload in a list, in characters; the whole one is a request of its own. */
const PREVIEW = 2_000

/** An entry as the log inspector shows it. */
export interface ShownEntry {
  readonly position: string
  /** The publisher's id, if it gave one; clients get it instead of the position. */
  readonly id?: string
  readonly topic: string
  /** Its other topics. */
  readonly also?: readonly string[]
  readonly event: string
  /** In ms since 1970. */
  readonly time: number
  readonly retry?: number
  readonly idempotencyKey?: string
  /** UTF-8 bytes of the payload. */
  readonly bytes: number
  readonly isPrivate: boolean
  /** Absent if it is private and was not asked for. */
  readonly data?: string
  /** Whether `data` is only its beginning. */
  readonly isCut?: boolean
}

export interface ShowOptions {
  readonly isPrivate: IsPrivate
  /** Whether to show the whole payload, also of a private entry. @default false */
  readonly isWhole?: boolean
}

export function showEntry(entry: Entry, { isPrivate, isWhole = false }: ShowOptions): ShownEntry {
  const { position, id, topic, also, event = "message", time, retry, idempotencyKey, data } = entry
  const isHidden = isPrivate(entry)
  const isCut = !isWhole && data.length > PREVIEW
  return {
    position,
    ...(id !== undefined && { id }),
    topic,
    ...(also && { also }),
    event,
    time,
    ...(retry !== undefined && { retry }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    bytes: Buffer.byteLength(data),
    isPrivate: isHidden,
    ...((isWhole || !isHidden) && { data: isCut ? data.slice(0, PREVIEW) : data }),
    ...(isCut && !isHidden && { isCut }),
  }
}
