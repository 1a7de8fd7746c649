import type { Frame } from "../frame.ts"
import type { Entry, Position } from "../message.ts"
import type { Matcher } from "../topic.ts"
import type { Batch } from "./batch.ts"
import type { Reader } from "./window.ts"

/** A live connection as the fan-out sees it. */
export interface Listener {
  /** Writes what all who are live in `audience`, its own, get now; false when its sink is full. */
  write(frame: Frame, audience: Audience): boolean
  /** Its sink was full after an entry at `position`: it is no longer live, and waits for room. */
  fallBehind(position: Position): void
  /** It is no longer live, and reads on from `position` by itself. */
  catchUp(position: Position): void
  /** It got the last entry it is to get. */
  finish(): void
}

/** What a subscription asks for, checked. */
export interface Selection {
  readonly topics: readonly string[]
  readonly patterns: readonly string[]
  /** The stream ends after the first entry for which this is true. */
  readonly until: ((entry: Entry) => boolean) | undefined
}

/**
 * All connections that asked for the same topics and patterns. What happens for each of them happens once here: matching,
 * encoding, and remembering what was written when.
 */
export class Audience implements Reader {
  readonly key: string
  readonly topics: readonly string[]
  readonly patterns: readonly string[]
  readonly until: ((entry: Entry) => boolean) | undefined
  readonly live: Set<Listener> = new Set()
  /** Connections in any state. */
  members = 0
  /** The entries of this turn that its live connections are still to get. */
  batch: Batch | undefined
  /** When something was last written to all who are live, by the monotonic clock. */
  wroteAt = 0
  /** Position of the last entry written to all who are live. */
  shown: Position = ""
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
