import type { Entry, Position } from "../message.ts"
import { inSameEpoch } from "../log/index.ts"
import type { Turns } from "../turns.ts"
import { topicsOf } from "./filing.ts"
import { KeptEntry, sizeOf, type TextCount } from "./kept-entry.ts"

/** Most topics whose forgotten entries are noted. With more, the window begins after them. */
const MAX_FORGOTTEN = 1_000
/** How many topics of entries are matched between two looks at the clock. Matching a hostile topic takes up to a millisecond. */
const LOOKS = 8

export interface WindowOptions {
  /** Maximum number of entries in memory. @default 10_000 */
  readonly maxEntries: number
  /** Maximum number of characters of data in memory. The encoded text of the same entries can take as many again. @default 16_777_216 */
  readonly maxChars: number
}

/** What is read from the window and the log. */
export interface Reader {
  /** Exact topics. */
  readonly topics: readonly string[]
  /** Whether entries of other topics must be looked at too. */
  readonly hasPatterns: boolean
  /** Where the log has entries of the exact topics. `hasMany`: see `TailState`. */
  logTopics(hasMany: boolean): readonly string[]
  wants(entry: Entry): boolean
  /** Whether it misses something when entries of this topic of the log are lost. */
  concerns(logTopic: string): boolean
}

/** Numbers of one topic's entries, oldest first; the first `head` are gone. */
interface TopicIndex {
  numbers: number[]
  head: number
}

/**
 * The newest entries of the log, complete from `start` to `end`, in memory and indexed by topic, for clients that reconnect or are slow.
 * Entries get consecutive numbers, because positions cannot be calculated with.
 */
export class Window {
  /** Everything after this, up to `end`, is in the window. */
  start: Position
  end: Position
  chars = 0
  readonly #options: WindowOptions
  readonly #topics = new Map<string, TopicIndex>()
  /** At most `maxChars` too: when there are more, all texts are forgotten, and encoded again when they are needed again. */
  readonly #texts: TextCount = { chars: 0 }
  #entries: (KeptEntry | undefined)[] = []
  #head = 0
  /** The newest forgotten position of each topic, after `start`. */
  readonly #forgotten = new Map<string, Position>()
  #forgottenTo: Position = ""
  /** Number of the entry at `#entries[0]`. */
  #base = 0

  constructor(options: WindowOptions, position: Position) {
    this.#options = options
    this.start = position
    this.end = position
  }

  /** Characters of encoded text in memory. */
  get textChars(): number {
    return this.#texts.chars
  }

  get size(): number {
    return this.#entries.length - this.#head
  }

  covers(position: Position): boolean {
    return inSameEpoch(position, this.end) && position >= this.start && position <= this.end
  }

  /** Whether the reader misses entries after `position` that were forgotten: the log tells which. */
  hasForgotten(position: Position, reader: Reader): boolean {
    if (this.#forgotten.size === 0) return false
    for (const [topic, to] of this.#forgotten) if (to > position && reader.concerns(topic)) return true
    return false
  }

  /** Forgets entries up to a position, on these topics or on all. */
  forget(topics: readonly string[] | undefined, upTo: Position): void {
    if (!inSameEpoch(upTo, this.end)) return
    if (!topics) {
      while (this.size > 0 && (this.#entries[this.#head] as KeptEntry).entry.position <= upTo) this.#drop()
      return
    }
    for (const topic of topics) this.#forgetTopic(topic, upTo)
    if (this.#forgotten.size <= MAX_FORGOTTEN) return
    this.forget(undefined, this.#forgottenTo)
  }

  #forgetTopic(topic: string, upTo: Position): void {
    const index = this.#topics.get(topic)
    if (!index) return
    const { numbers } = index
    const isAfter = (i: number): boolean => this.#at(numbers[i] as number).entry.position > upTo
    const to = lowerBound(index.head, numbers.length, isAfter)
    const left: number[] = []
    for (const number of numbers.slice(index.head, to)) {
      const kept = this.#at(number)
      const { position, time, also } = kept.entry
      // the log has it on another topic than the others of its topics
      if (also) {
        left.push(number)
        continue
      }
      kept.leaveWindow()
      this.chars -= charsOf(kept.entry)
      this.#forgotten.set(topic, position)
      if (position > this.#forgottenTo) this.#forgottenTo = position
      // the place stays, because positions are found by halving
      this.#entries[number - this.#base] = new KeptEntry({ position, time, topic: "", data: "" }, this.#texts)
    }
    index.numbers = [...left, ...numbers.slice(to)]
    index.head = 0
    if (index.numbers.length === 0) this.#topics.delete(topic)
  }

  push(entry: Entry): KeptEntry {
    // the hub of runs has no window
    if (this.#options.maxEntries === 0) {
      this.start = this.end = entry.position
      return new KeptEntry(entry)
    }
    this.#forgetTexts()
    const number = this.#base + this.#entries.length
    const kept = new KeptEntry(entry, this.#texts)
    this.#entries.push(kept)
    this.chars += charsOf(entry)
    this.end = entry.position
    for (const topic of topicsOf(entry)) {
      const index = this.#topics.get(topic)
      if (index) index.numbers.push(number)
      else this.#topics.set(topic, { numbers: [number], head: 0 })
    }
    while (this.size > this.#options.maxEntries || (this.chars > this.#options.maxChars && this.size > 0)) this.#drop()
    return kept
  }

  /** Forgets everything: before `position` there can be holes. */
  reset(position: Position): void {
    // no number is used twice, so an iteration that began before ends
    this.#base += this.#entries.length
    for (const kept of this.#entries) kept?.leaveWindow()
    this.#entries = []
    this.#head = 0
    this.#topics.clear()
    this.#forgotten.clear()
    this.#forgottenTo = ""
    this.chars = 0
    this.start = position
    this.end = position
  }

  /**
   * Matching entries after `after`, which the window must cover: until they hold about `maxChars` of text (at least one entry), or this turn is
   * over. `next` is the position up to which it searched.
   */
  read(after: Position, reader: Reader, maxChars: number, turns?: Turns): { entries: KeptEntry[]; next: Position } {
    this.#forgetTexts()
    const entries: KeptEntry[] = []
    let chars = 0
    let looked = 0
    const from = this.#find(after)
    for (const number of reader.hasPatterns ? this.#from(from) : this.#ofTopics(from, reader.topics)) {
      const kept = this.#at(number)
      const { entry } = kept
      if (entry.topic !== "" && reader.wants(entry)) {
        entries.push(kept)
        chars += sizeOf(entry)
        if (chars >= maxChars) return { entries, next: entry.position }
      }
      looked += 1 + (entry.also?.length ?? 0)
      if (looked < LOOKS) continue
      looked = 0
      if (turns?.isOver) return { entries, next: entry.position }
    }
    return { entries, next: this.end }
  }

  /** The position just before the `count` newest entries that `reader` wants on its exact topics; undefined when fewer are in the window. */
  beforeLast(count: number, reader: Reader): Position | undefined {
    const lists = reader.topics.flatMap((topic) => this.#topics.get(topic) ?? [])
    const ends = lists.map(({ numbers }) => numbers.length)
    let number = -1
    for (let left = count; left > 0;) {
      let newest = -1
      for (const [i, { numbers, head }] of lists.entries()) {
        const end = ends[i] as number
        if (end > head) newest = Math.max(newest, numbers[end - 1] as number)
      }
      if (newest < 0) return undefined
      number = newest
      // an entry with several topics is in several lists
      for (const [i, { numbers }] of lists.entries())
        if (numbers[(ends[i] as number) - 1] === number) (ends[i] as number)--
      if (reader.wants(this.#at(number).entry)) left--
    }
    return number < 0 ? undefined : this.#before(number)
  }

  /** The position of the newest entry on a topic that `reader` wants, if it is in the window. */
  newest(topic: string, reader: Reader): Position | undefined {
    const { numbers, head } = this.#topics.get(topic) ?? { numbers: [], head: 0 }
    for (let i = numbers.length - 1; i >= head; i--) {
      const { entry } = this.#at(numbers[i] as number)
      if (reader.wants(entry)) return entry.position
    }
    return undefined
  }

  /** The entry at a position, if it is in the window. */
  at(position: Position): KeptEntry | undefined {
    if (!this.covers(position) || position === this.start) return undefined
    const found = lowerBound(
      this.#head,
      this.#entries.length,
      (i) => (this.#entries[i] as KeptEntry).entry.position >= position,
    )
    const kept = this.#entries[found]
    return kept?.entry.position === position && kept.entry.topic !== "" ? kept : undefined
  }

  /** All entries, the newest first, each with the position before it. The iteration can take many turns; it ends where entries were dropped. */
  *newestFirst(): Generator<{ readonly entry: Entry; readonly before: Position }> {
    for (let number = this.#base + this.#entries.length - 1; number >= this.#base + this.#head; number--) {
      const { entry } = this.#at(number)
      if (entry.topic !== "") yield { entry, before: this.#before(number) }
    }
  }

  #before(number: number): Position {
    return number > this.#base + this.#head ? this.#at(number - 1).entry.position : this.start
  }

  *#from(from: number): Iterable<number> {
    const to = this.#base + this.#entries.length
    for (let number = from; number < to; number++) yield number
  }

  *#ofTopics(from: number, topics: readonly string[]): Iterable<number> {
    const [only] = topics
    if (only !== undefined && topics.length === 1) return yield* this.#after(only, from)
    const all = new Set(topics.flatMap((topic) => [...this.#after(topic, from)]))
    yield* [...all].sort((a, b) => a - b)
  }

  *#after(topic: string, from: number): Iterable<number> {
    const index = this.#topics.get(topic)
    if (!index) return
    const { numbers } = index
    for (
      let i = lowerBound(index.head, numbers.length, (i) => (numbers[i] as number) >= from);
      i < numbers.length;
      i++
    ) {
      yield numbers[i] as number
    }
  }

  /** Number of the first entry after a position. */
  #find(after: Position): number {
    const last = this.#entries[this.#entries.length - 1]
    if (!last || last.entry.position <= after) return this.#base + this.#entries.length
    const at = lowerBound(
      this.#head,
      this.#entries.length,
      (i) => (this.#entries[i] as KeptEntry).entry.position > after,
    )
    return this.#base + at
  }

  #at(number: number): KeptEntry {
    return this.#entries[number - this.#base] as KeptEntry
  }

  #forgetTexts(): void {
    if (this.#texts.chars > this.#options.maxChars) for (const kept of this.#entries) kept?.forgetText()
  }

  #drop(): void {
    const kept = this.#entries[this.#head] as KeptEntry
    const { entry } = kept
    kept.leaveWindow()
    this.#entries[this.#head++] = undefined
    this.chars -= charsOf(entry)
    this.start = entry.position
    if (this.#forgotten.size > 0 && this.start >= this.#forgottenTo) this.#forgotten.clear()
    // a forgotten entry has no topic
    if (entry.topic !== "") for (const topic of topicsOf(entry)) this.#dropFrom(topic)
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#base += this.#head
      this.#head = 0
    }
  }

  /** Removes the oldest entry of a topic from its index. */
  #dropFrom(topic: string): void {
    const index = this.#topics.get(topic) as TopicIndex
    if (++index.head === index.numbers.length) this.#topics.delete(topic)
    else if (index.head > 64 && index.head * 2 > index.numbers.length) {
      index.numbers = index.numbers.slice(index.head)
      index.head = 0
    }
  }
}

/** What each further topic of an entry takes in the index, in characters, about. */
const TOPIC_CHARS = 64

/** Characters of an entry that count against `maxChars`. */
const charsOf = ({ data, also }: Entry): number =>
  also ? also.reduce((sum, topic) => sum + topic.length + TOPIC_CHARS, data.length) : data.length

/** The smallest i in [low, high) for which `holds`, or `high`; `holds` must be false up to some point and true after it. */
function lowerBound(low: number, high: number, holds: (i: number) => boolean): number {
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}
