import type { Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import type { Position } from "../message.ts"
import { compilePattern, type Matcher } from "../topic.ts"
import { Audience, type Selection } from "./audience.ts"
import { Delivery } from "./delivery.ts"
import type { KeptEntry } from "./kept-entry.ts"
import type { Observe } from "./observation.ts"

/** Maximum number of topics whose matching patterns are remembered. */
const CACHED_TOPICS = 10_000

interface PatternGroup {
  readonly matches: Matcher
  readonly audiences: Set<Audience>
}

/**
 * Finds the audiences of entries, and delivers to their live connections. Everything that arrives in one turn of the event loop is written
 * after it, with one write per connection. Audiences that receive the same entries share the encoded text.
 */
export class FanOut {
  readonly delivery: Delivery
  readonly #maxPatterns: number
  readonly #audiences = new Map<string, Audience>()
  readonly #byTopic = new Map<string, Set<Audience>>()
  readonly #byPattern = new Map<string, PatternGroup>()
  /** Which pattern groups a topic matches. Cleared when a pattern is added or removed. */
  readonly #matching = new Map<string, readonly PatternGroup[]>()
  #privateKeys = 0

  constructor(clock: Clock, maxPatterns: number, observe?: Observe) {
    this.delivery = new Delivery(clock, observe)
    this.#maxPatterns = maxPatterns
  }

  get topics(): number {
    return this.#byTopic.size
  }

  /** Throws when a selection has more new patterns than `limits.patterns` allows. */
  admit({ patterns }: Selection): void {
    const fresh = patterns.filter((pattern) => !this.#byPattern.has(pattern))
    if (fresh.length === 0 || this.#byPattern.size + fresh.length <= this.#maxPatterns) return
    throw new OnwardError(
      "too_many_patterns",
      `Pattern limit reached (limits.patterns = ${this.#maxPatterns}). Retry later or raise the limit.`,
    )
  }

  /** The audience of a selection, with one more member. `leave` undoes it. */
  enter(selection: Selection): Audience {
    // a stream with its own end cannot share its batch with others
    const key = selection.until ? `#${this.#privateKeys++}` : JSON.stringify([selection.topics, selection.patterns])
    const audience = this.#audiences.get(key) ?? this.#add(key, selection)
    audience.members++
    return audience
  }

  leave(audience: Audience): void {
    if (--audience.members > 0) return
    this.#audiences.delete(audience.key)
    for (const topic of audience.topics) {
      const set = this.#byTopic.get(topic)
      set?.delete(audience)
      if (set?.size === 0) this.#byTopic.delete(topic)
    }
    for (const pattern of audience.patterns) {
      const group = this.#byPattern.get(pattern)
      group?.audiences.delete(audience)
      if (group?.audiences.size !== 0) continue
      this.#byPattern.delete(pattern)
      this.#matching.clear()
    }
  }

  arrive(kept: KeptEntry): void {
    const { topic } = kept.entry
    for (const audience of this.#byTopic.get(topic) ?? []) this.#mark(audience, kept)
    if (this.#byPattern.size === 0) return
    for (const group of this.#groups(topic)) for (const audience of group.audiences) this.#mark(audience, kept)
  }

  /** Ends live delivery for all connections: they have everything up to `position`, and read from there themselves. */
  interrupt(position: Position): void {
    this.delivery.flush()
    for (const audience of this.#audiences.values()) {
      const listeners = [...audience.live]
      audience.live.clear()
      for (const listener of listeners) listener.catchUp(position)
    }
  }

  #mark(audience: Audience, kept: KeptEntry): void {
    if (audience.live.size > 0 || audience.remaining) this.delivery.add(audience, kept)
  }

  #add(key: string, selection: Selection): Audience {
    const matchers = selection.patterns.map(
      (pattern) => this.#byPattern.get(pattern)?.matches ?? compilePattern(pattern),
    )
    const audience = new Audience(key, selection, matchers)
    this.#audiences.set(key, audience)
    for (const topic of selection.topics) {
      const set = this.#byTopic.get(topic)
      if (set) set.add(audience)
      else this.#byTopic.set(topic, new Set([audience]))
    }
    for (const [i, pattern] of selection.patterns.entries()) {
      const group = this.#byPattern.get(pattern)
      if (group) group.audiences.add(audience)
      else this.#byPattern.set(pattern, { matches: matchers[i] as Matcher, audiences: new Set([audience]) })
    }
    if (selection.patterns.length > 0) this.#matching.clear()
    return audience
  }

  #groups(topic: string): readonly PatternGroup[] {
    let groups = this.#matching.get(topic)
    if (!groups) {
      groups = [...this.#byPattern.values()].filter((group) => group.matches(topic))
      if (this.#matching.size >= CACHED_TOPICS) this.#matching.clear()
      this.#matching.set(topic, groups)
    }
    return groups
  }
}
