import type { Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import type { Entry, Position } from "../message.ts"
import type { Turns } from "../turns.ts"
import { Audience, keyOf, type Selection } from "./audience.ts"
import { Delivery } from "./delivery.ts"
import { topicsOf } from "./filing.ts"
import type { KeptEntry } from "./kept-entry.ts"
import type { Limits } from "./limits.ts"
import type { Observe } from "./observation.ts"
import { PatternIndex } from "./pattern-index.ts"

/** An entry with more topics is matched with patterns before it arrives, over several turns. */
const MANY_TOPICS = 16

/**
 * Finds the audiences of entries, and delivers to their live connections. Everything that arrives in one turn of the event loop is written
 * after it, with one write per connection. Audiences that receive the same entries share the encoded text.
 */
export class FanOut {
  readonly delivery: Delivery
  readonly #maxFilters: number
  readonly #audiences = new Map<string, Audience>()
  readonly #byTopic = new Map<string, Set<Audience>>()
  readonly #patterns: PatternIndex
  /** Streams with a filter. */
  #filters = 0

  constructor(clock: Clock, limits: Pick<Limits, "patterns" | "patternBytes" | "filters">, observe?: Observe) {
    this.delivery = new Delivery(clock, observe)
    this.#patterns = new PatternIndex(limits)
    this.#maxFilters = limits.filters
  }

  get topics(): number {
    return this.#byTopic.size
  }

  /** Throws when a selection has more new patterns and matchers than the limits allow, or a filter too many. */
  admit({ selectors, filter }: Selection): void {
    if (filter && this.#filters >= this.#maxFilters) {
      throw new OnwardError(
        "too_many_filters",
        `Filter limit reached (limits.filters = ${this.#maxFilters}). Retry later or raise the limit.`,
      )
    }
    this.#patterns.admit(selectors)
  }

  /** The audience of a selection, with one more member. `leave` undoes it. */
  enter(selection: Selection): Audience {
    const key = keyOf(selection)
    const audience = this.#audiences.get(key) ?? this.#add(key, selection)
    audience.members++
    if (audience.filter) this.#filters++
    return audience
  }

  leave(audience: Audience): void {
    if (audience.filter) this.#filters--
    if (--audience.members > 0) return
    this.#audiences.delete(audience.key)
    for (const topic of audience.topics) {
      const set = this.#byTopic.get(topic)
      set?.delete(audience)
      if (set?.size === 0) this.#byTopic.delete(topic)
    }
    for (const selector of audience.selectors) this.#patterns.leave(selector, audience)
  }

  /** Whether an entry has to be passed to `prepare` before it arrives, because it has many topics and there are patterns. */
  isLarge({ also }: Entry): boolean {
    return also !== undefined && also.length >= MANY_TOPICS && this.#patterns.size > 0
  }

  /** Matches the topics of a large entry with the patterns, over as many turns as that takes. `arrive` then finds the results. */
  async prepare(entry: Entry, turns: Turns): Promise<void> {
    for (const topic of topicsOf(entry)) {
      if (turns.isOver) await turns.next()
      this.#patterns.matching(topic)
    }
  }

  arrive(kept: KeptEntry): void {
    for (const topic of topicsOf(kept.entry)) {
      const audiences = this.#byTopic.get(topic)
      if (audiences) this.delivery.arrive(audiences, kept)
      for (const group of this.#patterns.matching(topic)) this.delivery.arrive(group.audiences, kept)
    }
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

  #add(key: string, selection: Selection): Audience {
    const audience = new Audience(key, selection)
    this.#audiences.set(key, audience)
    for (const topic of selection.topics) {
      const set = this.#byTopic.get(topic)
      if (set) set.add(audience)
      else this.#byTopic.set(topic, new Set([audience]))
    }
    for (const selector of selection.selectors) this.#patterns.enter(selector, audience)
    return audience
  }
}
