import type { Entry, Position, StoredMessage } from "../message.ts"

/**
 * An ordered, append-only sequence of entries. Drivers implement this and nothing else; `onward/log/suite` is this
 * contract as tests. Every rejection is an `OnwardError` whose code starts with `log_`.
 */
export interface Log {
  /**
   * Stores messages, all or nothing, in order. Resolves once the entries are as durable as this log promises; after that
   * every `read` sees them. A message whose `id` or `idempotencyKey` an entry kept on the same topic has is a repeat: it is not stored
   * again, and its position is that entry's. The same `id` or `idempotencyKey` on another topic is another one. Concurrent calls are fine
   * and may share one commit; each call's entries stay together and in order.
   * Messages must have been checked by the caller; an empty list resolves to no positions.
   */
  append(messages: readonly StoredMessage[]): Promise<Appended>

  /**
   * Entries strictly after `after`, oldest first, at most `limit`. No entry becomes readable before one with a smaller
   * position. `after` may be any position, of this life of the log or another.
   */
  read(query: ReadQuery): Promise<Page>

  /** Where the log begins and ends now. */
  bounds(): Promise<Bounds>

  /** Finds the position to read after, see {@link Landmark}; undefined only for an `id` that is not kept. */
  locate(landmark: Landmark): Promise<Position | undefined>

  /**
   * Calls `wake` when there may be more to read: late, twice or for nothing is fine; after every reconnect is a must.
   * A log that knows the newest position says it, so that who has it already need not read. Resolves to the undo, after
   * which `wake` is not called again. `wake` must not throw.
   */
  watch(wake: (newest?: Position) => void): Promise<() => Promise<void>>

  /** Frees everything. Calls under way settle first; later calls reject with `log_closed`. Closing twice is fine. */
  close(): Promise<void>

  /** Applies retention now. Optional: logs also do it by themselves, at the latest with the next append. */
  trim?(): Promise<void>
}

/** What an append did. `repeatsOf` tells which messages were repeats. */
export interface Appended {
  /** One position a message, in the order given. */
  readonly positions: readonly Position[]
  /** The newest position just before the first entry this call stored: whoever has read up to here has missed nothing. */
  readonly previous: Position
  /** The time of the entries this call stored. */
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

/** One read's result. */
export interface Page {
  readonly entries: readonly Entry[]
  /**
   * How far was looked: read after this to carry on. With no entries it may still move on, and a page with fewer than
   * `limit` entries need not be the last: the end is where `next` does not move any more.
   */
  readonly next: Position
  /** Set when entries after `after` that match the query are gone, or `after` means nothing here. */
  readonly lost?: Loss
}

/** Why a read could not carry on exactly from where it was asked to. */
export interface Loss {
  /**
   * `trimmed`: retention removed matching entries after `after`. `epoch`: `after` is of another life of the log; the page
   * starts at the oldest entry, and `to` is `first` of the bounds. `unknown`: `after` is ahead of the newest entry; the
   * page is empty, and `to` is the newest position.
   */
  readonly reason: LossReason
  /** Nothing newer than this was lost. */
  readonly to: Position
  /**
   * With `trimmed`: the newest removed position of each topic asked for that lost entries after `after`. The name `*`
   * stands for any topic (logs that forget single topics' marks, to stay bounded, put them under it).
   */
  readonly topics?: ReadonlyMap<string, Position>
}

export type LossReason = "trimmed" | "epoch" | "unknown"

export interface Bounds {
  /** Reading after this gives everything kept: just before the oldest entry, or equal to `last` when nothing is kept. */
  readonly first: Position
  /** The newest position ever given, kept or not. */
  readonly last: Position
}

/** A place described by what lies there. */
export type Landmark =
  /**
   * The oldest kept entry that its publisher gave this id, on one of `topics` or on a topic for which `matches` is true; on any
   * topic when both are absent. It is the entry's own position, so that reading carries on after it. An id on more than 1,000
   * topics may count as not kept, except on `topics`.
   */
  | {
      readonly id: string
      readonly topics?: readonly string[]
      readonly matches?: (topic: string) => boolean
    }
  /** Just before the oldest kept entry with `time >= since` (ms since 1970); the newest position when there is none. */
  | { readonly since: number }
  /** Just before the `last` newest kept entries on `topics` (all when absent); `first` when fewer are kept. */
  | { readonly last: number; readonly topics?: readonly string[] }

/**
 * What a log keeps. An entry goes, oldest first, as soon as any limit is passed; absent means unlimited. Sizes count the
 * UTF-8 bytes of topic, event, id, key and data.
 */
export interface Retention {
  /** Entries in the whole log. */
  readonly count?: number
  /** Milliseconds since the entry was appended. */
  readonly age?: number
  /** Bytes in the whole log. */
  readonly bytes?: number
  /** The same limits for each topic. */
  readonly topic?: { readonly count?: number; readonly age?: number; readonly bytes?: number }
}
