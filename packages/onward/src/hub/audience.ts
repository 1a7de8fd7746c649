import type { Frame } from "../frame.ts"
import type { Entry, Position } from "../message.ts"
import type { Batch, Part } from "./batch.ts"
import type { TextFormat } from "./kept-entry.ts"
import { logTopicsOf, MANY, outerName, readLogTopic, topicsOf } from "./filing.ts"
import type { Permission, Selector } from "./selector.ts"
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
  /** Exact topics, by the names of `innerName`. */
  readonly topics: readonly string[]
  readonly selectors: readonly Selector[]
  /** Undefined when it may read no private entry. */
  readonly may: Permission | undefined
  /** How its entries are encoded. */
  readonly format: TextFormat
  /** The stream ends after the first entry for which this is true. */
  readonly until: ((entry: Entry) => boolean) | undefined
  /** Only entries for which this is true are sent. Undefined is its answer when it fails: the stream ends. */
  readonly filter: Filter | undefined
}

let ownKeys = 0

/** Equal for selections that receive the same entries. A stream with its own end or filter cannot share with others. */
export const keyOf = ({ topics, selectors, may, format, until, filter }: Selection): string =>
  until || filter
    ? `#${++ownKeys}`
    : JSON.stringify([topics, selectors.map(({ key }) => key), may?.key ?? null, format])

/** Throws never. */
export type Filter = (entry: Entry) => boolean | undefined

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
 * All connections with the same topics, patterns, matchers and permission. What they share happens once: matching, encoding, and the time
 * of the last write.
 */
export class Audience implements Reader {
  readonly key: string
  readonly topics: readonly string[]
  readonly selectors: readonly Selector[]
  readonly may: Permission | undefined
  readonly format: TextFormat
  readonly until: ((entry: Entry) => boolean) | undefined
  readonly filter: Filter | undefined
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
  readonly #topics: ReadonlySet<string>
  #logTopics: readonly string[] | undefined

  constructor(key: string, { topics, selectors, may, format, until, filter }: Selection) {
    this.key = key
    this.topics = topics
    this.selectors = selectors
    this.may = may
    this.format = format
    this.until = until
    this.filter = filter
    this.#topics = new Set(topics)
  }

  /** The patterns, and the keys of the matchers. */
  get patterns(): readonly string[] {
    return this.selectors.map(({ name }) => name)
  }

  get hasPatterns(): boolean {
    return this.selectors.length > 0
  }

  logTopics(hasMany: boolean): readonly string[] {
    this.#logTopics ??= this.topics.flatMap((topic) => logTopicsOf(topic, this.may?.covers(topic) === true))
    return hasMany ? [...this.#logTopics, MANY] : this.#logTopics
  }

  wants(entry: Entry): boolean {
    return this.#selects(entry.topic, entry.also) && this.mayRead(entry)
  }

  /** Whether it may read an entry that it selects. */
  mayRead(entry: Entry): boolean {
    if (!entry.private) return true
    const { may } = this
    return may !== undefined && topicsOf(entry).some((topic) => may.covers(topic))
  }

  concerns(logTopic: string): boolean {
    if (logTopic === "*" || logTopic === MANY) return true
    const { topic, isPrivate } = readLogTopic(logTopic)
    return this.#selects(topic) && (!isPrivate || this.may?.covers(topic) === true)
  }

  #selects(topic: string, also?: readonly string[]): boolean {
    return this.#matches(topic) || (also?.some((each) => this.#matches(each)) ?? false)
  }

  #matches(topic: string): boolean {
    if (this.#topics.has(topic)) return true
    if (this.selectors.length === 0) return false
    const name = outerName(topic)
    return name !== undefined && this.selectors.some(({ matches }) => matches(name))
  }
}
