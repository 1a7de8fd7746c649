import type { Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import type { Position } from "../message.ts"
import { compilePattern, type Matcher } from "../topic.ts"
import { Audience, type Listener, type Selection } from "./audience.ts"
import { cut, Batch, type Part } from "./batch.ts"
import type { KeptEntry } from "./kept-entry.ts"
import type { Observe } from "./observation.ts"

/** Most topics whose matching patterns are remembered. */
const CACHED_TOPICS = 10_000

interface PatternGroup {
  readonly matches: Matcher
  readonly audiences: Set<Audience>
}

/**
 * Delivers entries to live connections. Everything that arrives in one turn of the event loop is written at its end, with one write per
 * connection. Audiences that receive the same entries share the encoded text.
 */
export class FanOut {
  readonly #clock: Clock
  readonly #maxPatterns: number
  readonly #audiences = new Map<string, Audience>()
  readonly #byTopic = new Map<string, Set<Audience>>()
  readonly #byPattern = new Map<string, PatternGroup>()
  /** Which pattern groups a topic matches. Cleared when a pattern is added or removed. */
  readonly #matching = new Map<string, readonly PatternGroup[]>()
  #dirty: Audience[] = []
  #pending = false
  #privateKeys = 0
  readonly #observe: Observe | undefined
  /** When the oldest entry that is not flushed was stored. */
  #oldest = Infinity

  constructor(clock: Clock, maxPatterns: number, observe?: Observe) {
    this.#clock = clock
    this.#maxPatterns = maxPatterns
    this.#observe = observe
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

  /** From now on `listener` receives what arrives. It must have everything that arrived before. */
  join(audience: Audience, listener: Listener): void {
    // what this turn holds is for the connections that were live before
    this.flush()
    audience.live.add(listener)
  }

  arrive(kept: KeptEntry): void {
    const { topic } = kept.entry
    for (const audience of this.#byTopic.get(topic) ?? []) this.#mark(audience, kept)
    if (this.#byPattern.size === 0) return
    for (const group of this.#groups(topic)) for (const audience of group.audiences) this.#mark(audience, kept)
  }

  /** Writes what arrived since the last flush to all live connections. Also called at the end of each turn. */
  flush(): void {
    if (this.#dirty.length === 0) return
    const dirty = this.#dirty
    this.#dirty = []
    const now = this.#clock.monotonic()
    const sent: Sent = { entries: 0, writes: 0, bytes: 0 }
    for (const audience of dirty) {
      const batch = audience.batch as Batch
      audience.batch = undefined
      audience.wroteAt = now
      audience.shown = batch.end.entry.position
      const { until } = audience
      const last = until ? batch.entries().findIndex(({ entry }) => until(entry)) : -1
      if (last < 0) write(audience, batch.parts(), sent)
      else finish(audience, batch.entries().slice(0, last + 1), sent)
    }
    const oldest = this.#oldest
    this.#oldest = Infinity
    if (!this.#observe) return
    const lag = Math.max(0, this.#clock.now() - oldest)
    this.#observe({ type: "delivered", entries: sent.entries, writes: sent.writes, bytes: sent.bytes, lag })
  }

  /** Ends live delivery for all connections: they have everything up to `position`, and read from there themselves. */
  interrupt(position: Position): void {
    this.flush()
    for (const audience of this.#audiences.values()) {
      const listeners = [...audience.live]
      audience.live.clear()
      for (const listener of listeners) listener.catchUp(position)
    }
  }

  #mark(audience: Audience, kept: KeptEntry): void {
    if (audience.live.size === 0) return
    const { batch } = audience
    if (!batch) {
      this.#dirty.push(audience)
      if (!this.#pending) this.#schedule()
      audience.batch = this.#first(kept)
      if (kept.entry.time < this.#oldest) this.#oldest = kept.entry.time
    } else if (batch.end !== kept) audience.batch = batch.with(kept)
  }

  #newest: Batch | undefined

  /** The batch of all audiences whose first entry in this turn is this one. */
  #first(kept: KeptEntry): Batch {
    if (this.#newest?.end !== kept) this.#newest = new Batch(kept)
    return this.#newest
  }

  #schedule(): void {
    this.#pending = true
    this.#clock.turn(() => {
      this.#pending = false
      this.#newest = undefined
      this.flush()
    })
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

/** What one flush wrote, in all streams together. */
interface Sent {
  entries: number
  writes: number
  bytes: number
}

function write(audience: Audience, parts: readonly Part[], sent: Sent): void {
  for (const part of parts) {
    count(audience, part, sent)
    for (const listener of audience.live) {
      if (listener.write(part.frame, audience)) continue
      audience.live.delete(listener)
      listener.fallBehind(part.end)
    }
  }
}

function finish(audience: Audience, entries: readonly KeptEntry[], sent: Sent): void {
  const parts = [...cut(entries)]
  const last = parts.pop()
  write(audience, parts, sent)
  if (last) count(audience, last, sent)
  for (const listener of audience.live) {
    if (last) listener.write(last.frame, audience)
    listener.finish()
  }
}

/** Once for all live members, which all take the part. */
function count(audience: Audience, { frame, count: entries }: Part, sent: Sent): void {
  const streams = audience.live.size
  audience.sentEntries += entries
  audience.sentBytes += frame.size
  sent.entries += entries * streams
  sent.bytes += frame.size * streams
  sent.writes += streams
}
