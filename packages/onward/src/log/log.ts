import type { Entry, Position, StoredMessage } from "../message.ts"

/**
 * An ordered, append-only sequence of entries. Drivers implement this and nothing else; `onward/log/suite` is this
 * contract as tests. Every rejection is an `OnwardError` whose code starts with `log_`.
 */
export interface Log {
  /**
   * Stores messages, all or nothing, in order. Resolves once the entries are as durable as this log promises; after that
   * every `read` sees them. A message is a repeat if a kept entry of the same topic has the same `id` or `idempotencyKey`: it is not
   * stored again, and its position is that of the kept entry. Topics are independent: the same `id` on two topics names two entries.
   * Concurrent calls are allowed and can share one commit; the entries of each call stay together and in order.
   * The caller has checked the messages. An empty list resolves to no positions.
   */
  append(messages: readonly StoredMessage[]): Promise<Appended>

  /**
   * Entries strictly after `after`, oldest first, at most `limit`. No entry becomes readable before one with a smaller
   * position. `after` can be any position, of this epoch or another one.
   */
  read(query: ReadQuery): Promise<Page>

  /** The oldest and the newest position of the log now. */
  bounds(): Promise<Bounds>

  /** Finds the position to read after, see {@link Landmark}. Undefined only for an `id` that is not kept. */
  locate(landmark: Landmark): Promise<Position | undefined>

  /**
   * Calls `wake` when there may be more to read. A call may come late, twice or without a reason; after every reconnect one is
   * required. A log that knows the newest position passes it, so that a reader at that position need not read. Resolves to a
   * function that stops the calls. `wake` must not throw.
   */
  watch(wake: (newest?: Position) => void): Promise<() => Promise<void>>

  /** Closes the log and frees what it holds. Pending calls settle first; later calls reject with `log_closed`. Closing twice is allowed. */
  close(): Promise<void>

  /** Applies retention now. Optional: each log also applies it itself, at the latest with the next append. */
  trim?(): Promise<void>

  /**
   * Removes entries on request, in the way retention does: the losses of their topics are noted, and their ids and idempotency keys are free
   * again. Resolves to the number of removed entries, as soon as no `read` of any process returns them. What it has removed when it rejects
   * stays removed; calling it again removes the rest. Each log documents what its store still holds of them, for instance in backups.
   * Optional: without it, `hub.forget` and `hub.trim` reject with `log_unsupported`.
   */
  forget?(query: ForgetQuery): Promise<number>
}

/** Which entries to remove. */
export interface ForgetQuery {
  /** On these exact topics. @default all topics */
  readonly topics?: readonly string[]
  /** Up to this position and including it. A position of another epoch, or one ahead of the log, means that nothing is removed. */
  readonly upTo: Position
}

/** The result of an append. `repeatsOf` returns which messages were repeats. */
export interface Appended {
  /** One position for each message, in the given order. */
  readonly positions: readonly Position[]
  /** The newest position before the first entry that this call stored. A reader at this position has missed nothing. */
  readonly previous: Position
  /** The time of the entries that this call stored, in milliseconds since 1970. */
  readonly time: number
}

export interface ReadQuery {
  /** Entries strictly after this position. */
  readonly after: Position
  /** Only entries on these exact topics. @default all topics */
  readonly topics?: readonly string[]
  /** At most this many entries; at least 1. */
  readonly limit: number
}

/** The result of a read. */
export interface Page {
  readonly entries: readonly Entry[]
  /**
   * The position to continue reading after. It can advance on a page without entries, and a page with fewer than `limit`
   * entries need not be the last: the reader is at the end when `next` equals `after`.
   */
  readonly next: Position
  /** Set when entries after `after` that match the query were removed, or when `after` is not a position of this epoch. */
  readonly lost?: Loss
}

/** Why a read could not continue exactly at the given position. */
export interface Loss {
  /**
   * `trimmed`: retention removed matching entries after `after`. `epoch`: `after` belongs to another epoch; the page starts at
   * the oldest entry, and `to` is `first` of the bounds. `unknown`: `after` is newer than the newest entry; the page is empty,
   * and `to` is the newest position.
   */
  readonly reason: LossReason
  /** The newest lost position: every newer entry is kept. */
  readonly to: Position
  /**
   * With `trimmed`: for each requested topic that lost entries after `after`, its newest removed position. The name `*` stands
   * for any topic: a log remembers a limited number of topics, and reports the others under `*`.
   */
  readonly topics?: ReadonlyMap<string, Position>
}

export type LossReason = "trimmed" | "epoch" | "unknown"

export interface Bounds {
  /** The position just before the oldest entry, to read everything that is kept. Equal to `last` when nothing is kept. */
  readonly first: Position
  /** The newest position that the log has assigned. Its entry can be removed. */
  readonly last: Position
}

/** A description of a position: an id, a time, or a number of entries. */
export type Landmark =
  /**
   * The position of the oldest kept entry with this publisher's id, on one of `topics` or on a topic for which `matches` returns
   * true; on any topic when both are absent. Reading continues after this entry. An id on more than 1,000 topics can be reported
   * as not kept, except on `topics`.
   */
  | {
      readonly id: string
      readonly topics?: readonly string[]
      readonly matches?: (topic: string) => boolean
    }
  /** The position just before the oldest kept entry with `time >= since` (ms since 1970). Without such an entry, the newest position. */
  | { readonly since: number }
  /** The position just before the `last` newest kept entries on `topics` (all when absent). `first` when fewer are kept. */
  | { readonly last: number; readonly topics?: readonly string[] }

/**
 * The limits on what a log keeps. When any limit is exceeded, the log removes entries, oldest first. An absent limit is unlimited.
 * Sizes count the UTF-8 bytes of topic, event, id, idempotency key and data.
 */
export interface Retention {
  /** Maximum number of entries in the log. */
  readonly count?: number
  /** Maximum time since an entry was appended, in milliseconds. */
  readonly age?: number
  /** Maximum size of the log, in bytes. */
  readonly bytes?: number
  /** The same limits, applied to each topic. */
  readonly topic?: { readonly count?: number; readonly age?: number; readonly bytes?: number }
}
