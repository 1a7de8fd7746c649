import type { Frame } from "../frame.ts"
import type { Entry, Position } from "../message.ts"
import type { Matcher } from "../topic.ts"
import type { Batch, Part } from "./batch.ts"
import type { Reader } from "./window.ts"

/** A live connection, for the fan-out. */
export interface Listener {
  /** Writes a frame. With `audience`, its own, all live members receive it before another frame. False when its sink is full. */
  write(frame: Frame, audience?: Audience): boolean
  /** Its sink was full after the entry at `position`: it is no longer live, and waits for room. */
  fallBehind(position: Position): void
  /** It is no longer live, and reads from `position` itself. */
  catchUp(position: Position): void
  /** It has received its last entry. */
  finish(): void
}

/** The checked topics of a subscription. */
export interface Selection {
  readonly topics: readonly string[]
  readonly patterns: readonly string[]
  /** The stream ends after the first entry for which this is true. */
  readonly until: ((entry: Entry) => boolean) | undefined
}

/** What the live connections of an audience have not received, because a turn of the event loop had no time for all of it. */
export interface Remaining {
  /** The live connections that lack the first step; undefined before it has begun. */
  pending: Set<Listener> | undefined
  /** In order: parts for all live connections, and connections that become live after the parts before them. */
  readonly steps: (Part | Set<Listener>)[]
  /** How many characters have arrived meanwhile. */
  chars: number
}

/**
 * All connections with the same topics and patterns. What they share happens once: matching, encoding, and the time of the last write.
 */
export class Audience implements Reader {
  readonly key: string
  readonly topics: readonly string[]
  readonly patterns: readonly string[]
  readonly until: ((entry: Entry) => boolean) | undefined
  readonly live: Set<Listener> = new Set()
  /** Connections in any state. */
  members = 0
  /** The entries of this turn that its live connections have not received yet. */
  batch: Batch | undefined
  /** What they have not received of earlier turns. */
  remaining: Remaining | undefined
  /** When something was last written to all live members, by the monotonic clock. */
  wroteAt = 0
  /** Position of the last entry written to all live members. */
  shown: Position = ""
  /** Entries and bytes that were written to all live members, since it exists: a stream knows them without counting each delivery. */
  sentEntries = 0
  sentBytes = 0
  readonly #matchers: readonly Matcher[]

  constructor(key: string, selection: Selection, matchers: readonly Matcher[]) {
    this.key = key
    this.topics = selection.topics
    this.patterns = selection.patterns
    this.until = selection.until
    this.#matchers = matchers
  }

  get hasPatterns(): boolean {
    return this.patterns.length > 0
  }

  matches(topic: string): boolean {
    return this.topics.includes(topic) || this.#matchers.some((matches) => matches(topic))
  }
}
