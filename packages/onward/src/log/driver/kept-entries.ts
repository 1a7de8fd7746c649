import { entryOf, type Entry, type Position, type StoredMessage } from "../../message.ts"
import { Deque } from "./deque.ts"
import type { Appended, Bounds, Landmark, Page, ReadQuery } from "../log.ts"
import { lossOf, readFrom } from "./loss.ts"
import { RemovalIndex } from "./removal-index.ts"
import { RemovedPositions } from "./removed-positions.ts"
import { merge } from "./merge.ts"
import { IdIndex, idScopeOf, type IdScope } from "./id-index.ts"
import { formatPosition } from "./position.ts"
import { sizeOf, type Limits } from "./retention.ts"

/** A kept entry. `isRemoved` marks an entry that was removed from the middle; it stays in `order` until the next compaction. */
interface Kept {
  readonly sequence: number
  readonly size: number
  entry: Entry
  readonly topic: Topic
  /** When it was stored, by the clock that measures its age. */
  readonly at: number
  isRemoved: boolean
}

/** A topic with kept entries. */
interface Topic {
  readonly name: string
  readonly kept: Deque<Kept>
  size: number
  /** The sequence number of the newest removed entry, see `RemovedPosition`. */
  trimmedTo: number
  /** Whether `trimmedTo` is known for this topic, see `RemovedPosition`. */
  isOwn: boolean
}

/**
 * The entries that a log keeps in memory, with their indexes. It uses no clock and no random numbers: the same calls give the
 * same results in every process.
 */
export interface KeptEntries {
  readonly epoch: string
  /** The newest sequence number that was assigned. */
  readonly last: number
  /** The time of the newest entry, in milliseconds since 1970. */
  readonly time: number
  /** The size of all kept entries, in bytes as retention counts them. */
  readonly size: number
  /** The time of the oldest kept entry. Undefined when nothing is kept. */
  readonly oldestTime: number | undefined
  /**
   * Stores messages with the time `present`, which must not be smaller than `time`, and then applies the limits. `at` is the same
   * moment by the clock that measures ages. @default present
   */
  append(messages: readonly StoredMessage[], present: number, at?: number): Appended
  /** Removes entries that are too old at the moment `at`. */
  expire(at: number): void
  /** Like `expire`, but removes at most `limit` entries. False when some are left. */
  expireSome(at: number, limit: number): boolean
  /**
   * Removes at most `limit` entries up to a sequence number, of these topics or of all, the oldest first. Returns how many; with fewer than
   * `limit`, all of them are removed.
   */
  forget(topics: readonly string[] | undefined, upTo: number, limit: number): number
  read(query: ReadQuery): Page
  locate(landmark: Landmark): Position | undefined
  bounds(): Bounds
  /** Replaces the limits. */
  setLimits(limits: Limits): void
  /** Starts a new epoch: the same entries get positions of that epoch. */
  setEpoch(epoch: string): void
  /** All kept entries, oldest first. */
  entries(): readonly (readonly [sequence: number, entry: Entry])[]
  /** The state besides the entries. */
  summary(): Summary
  /** Restores the results of `entries` and `summary`. Must be empty before. */
  restore(summary: Summary, entries: Iterable<readonly [sequence: number, time: number, message: StoredMessage]>): void
  clear(): void
}

/** The state of {@link KeptEntries} besides the entries, as plain data that can be serialized. */
export interface Summary {
  readonly last: number
  readonly time: number
  readonly newestRemoved: number
  readonly floor: number
  /** The newest removed position of each topic without kept entries, see `RemovedPosition`. */
  readonly marks: readonly (readonly [topic: string, to: number])[]
  /** The same for topics with kept entries. */
  readonly topics: readonly (readonly [topic: string, to: number, isOwn: boolean])[]
}

/** Creates an empty {@link KeptEntries}. */
export function createKeptEntries(epoch: string, limits: Limits): KeptEntries {
  /** All kept entries in order, and some removed ones: never as the first, and never more than kept ones. */
  const order = new Deque<Kept>()
  const topics = new Map<string, Topic>()
  /** The newest removed positions of topics with kept entries. */
  const removals = new RemovalIndex()
  let marks = new RemovedPositions()
  const ids = new IdIndex<Kept>()
  const keys = new IdIndex<Kept>()

  let count = 0
  let size = 0
  let last = 0
  let time = 0
  let newestRemoved = 0

  const positionOf = (sequence: number): Position => formatPosition(epoch, sequence)
  const first = (): number => (count > 0 ? order.at(0).sequence - 1 : last)

  function append(messages: readonly StoredMessage[], present: number, at = present): Appended {
    const previous = last
    const touched = new Set<Topic>()
    const hasTopicLimits = limits.topicCount < Infinity || limits.topicBytes < Infinity
    const positions = messages.map((message) => {
      const { topic: name, id, idempotencyKey: key } = message
      const same = (id !== undefined && ids.get(name, id)) || (key !== undefined && keys.get(name, key))
      if (same) return same.entry.position
      const { entry, topic } = put(message, ++last, present, at)
      if (hasTopicLimits) touched.add(topic)
      return entry.position
    })
    // after the loop, so that a message repeated in one call is stored once under any limits
    enforce(touched)
    if (last > previous) time = present
    return { positions, previous: positionOf(previous), time: present }
  }

  /** Applies the topics' limits first, because that can bring the log below its own. */
  function enforce(touched: Iterable<Topic>): void {
    for (const topic of touched) {
      while (topic.kept.length > limits.topicCount || topic.size > limits.topicBytes) remove(topic.kept.at(0))
    }
    while (count > limits.count || size > limits.bytes) remove(order.at(0))
  }

  function expireSome(at: number, limit: number): boolean {
    const isOld = (): boolean => count > 0 && order.at(0).at < at - limits.age
    for (let left = limit; left > 0 && isOld(); left--) remove(order.at(0))
    return !isOld()
  }

  function forget(names: readonly string[] | undefined, upTo: number, limit: number): number {
    let removed = 0
    const removeFrom = (kept: Deque<Kept>): void => {
      while (removed < limit && kept.length > 0 && kept.at(0).sequence <= upTo) {
        remove(kept.at(0))
        removed++
      }
    }
    if (names) for (const { kept } of topicsNamed(names)) removeFrom(kept)
    else removeFrom(order)
    return removed
  }

  function put(message: StoredMessage, sequence: number, present: number, at = present): Kept {
    const { data, event, id, idempotencyKey: key } = message
    const entry = entryOf(message, positionOf(sequence), present)
    const topic = topicOf(message.topic)
    const kept: Kept = { sequence, size: sizeOf(topic.name, data, event, id, key), entry, topic, at, isRemoved: false }
    order.push(kept)
    topic.kept.push(kept)
    count += 1
    size += kept.size
    topic.size += kept.size
    if (id !== undefined) ids.set(id, kept)
    if (key !== undefined) keys.set(key, kept)
    return kept
  }

  function topicOf(name: string): Topic {
    let topic = topics.get(name)
    if (!topic) {
      const { to, isOwn } = marks.get(name)
      marks.delete(name)
      if (isOwn) removals.move(name, to)
      topic = { name, kept: new Deque(), size: 0, trimmedTo: to, isOwn }
      topics.set(name, topic)
    }
    return topic
  }

  /** Removes the oldest entry of its topic. */
  function remove(kept: Kept): void {
    const { sequence, topic, entry } = kept
    kept.isRemoved = true
    count -= 1
    size -= kept.size
    while (order.length > 0 && order.at(0).isRemoved) order.shift()
    if (order.length > 1024 && order.length > count * 2) order.filter((item) => !item.isRemoved)

    topic.kept.shift()
    topic.size -= kept.size
    const before = topic.isOwn ? topic.trimmedTo : undefined
    topic.trimmedTo = sequence
    topic.isOwn = true
    if (topic.kept.length > 0) removals.move(topic.name, sequence, before)
    else {
      if (before !== undefined) removals.delete(topic.name, before)
      topics.delete(topic.name)
      marks.set(topic.name, sequence)
    }
    newestRemoved = Math.max(newestRemoved, sequence)
    if (entry.id !== undefined) ids.delete(topic.name, entry.id)
    if (entry.idempotencyKey !== undefined) keys.delete(topic.name, entry.idempotencyKey)
  }

  function read({ after, topics: names, limit }: ReadQuery): Page {
    const start = readFrom(after, epoch, first(), last)
    const lost =
      start.lost ?? (start.from < newestRemoved ? lossOf(epoch, start.from, removed(start.from, names)) : undefined)
    return { ...page(start.from, names, limit), ...(lost && { lost }) }
  }

  function page(after: number, names: readonly string[] | undefined, limit: number): Page {
    const entries: Entry[] = []
    for (const kept of keptAfter(after, names)) {
      entries.push(kept.entry)
      if (entries.length >= limit) return { entries, next: kept.entry.position }
    }
    return { entries, next: positionOf(last) }
  }

  function keptAfter(after: number, names: readonly string[] | undefined): Iterable<Kept> {
    const isAfter = (kept: Kept): boolean => kept.sequence > after
    if (!names) return keptFrom(order.search(isAfter))
    const lists = topicsNamed(names).map(({ kept }) => itemsFrom(kept, kept.search(isAfter)))
    return merge(lists, (a, b) => a.sequence - b.sequence)
  }

  function* itemsFrom(kept: Deque<Kept>, start: number): Generator<Kept> {
    for (let i = start; i < kept.length; i++) yield kept.at(i)
  }

  function* keptFrom(start: number): Iterable<Kept> {
    for (let i = start; i < order.length; i++) {
      const kept = order.at(i)
      if (!kept.isRemoved) yield kept
    }
  }

  const topicsNamed = (names: readonly string[]): Topic[] =>
    [...new Set(names)].flatMap((name) => topics.get(name) ?? [])

  /** The newest removed sequence number of each named topic, or of all topics that lost entries after `from`. */
  function* removed(from: number, names: readonly string[] | undefined): Generator<[topic: string, to: number]> {
    if (names) {
      for (const name of names) {
        const topic = topics.get(name)
        const { to, isOwn } = topic ? { to: topic.trimmedTo, isOwn: topic.isOwn } : marks.get(name)
        yield [isOwn ? name : "*", to]
      }
      return
    }
    yield* removals.after(from)
    yield* marks.after(from)
    // an upper bound for topics without their own mark
    yield ["*", marks.floor]
  }

  function locate(landmark: Landmark): Position | undefined {
    if ("id" in landmark) return withId(landmark.id, idScopeOf(landmark))?.entry.position
    if ("since" in landmark) {
      const index = order.search((kept) => kept.entry.time >= landmark.since)
      for (const kept of keptFrom(index)) return positionOf(kept.sequence - 1)
      return positionOf(last)
    }
    if (landmark.last <= 0) return positionOf(last)
    return positionOf(beforeLast(landmark.last, landmark.topics))
  }

  function withId(id: string, { topics: wanted, matches }: IdScope): Kept | undefined {
    let oldest: Kept | undefined
    const look = (kept: Kept | undefined): void => {
      if (kept && (!oldest || kept.sequence < oldest.sequence)) oldest = kept
    }
    for (const name of wanted) look(ids.get(name, id))
    if (matches) for (const kept of ids.all(id)) if (matches(kept.topic.name)) look(kept)
    return oldest
  }

  function beforeLast(wanted: number, names: readonly string[] | undefined): number {
    const lists = names ? topicsNamed(names).map(({ kept }) => newestFirst(kept)) : [newestFirst(order)]
    let left = wanted
    for (const kept of merge(lists, (a, b) => b.sequence - a.sequence)) {
      if (!kept.isRemoved && --left === 0) return kept.sequence - 1
    }
    return first()
  }

  function* newestFirst(kept: Deque<Kept>): Generator<Kept> {
    for (let i = kept.length - 1; i >= 0; i--) yield kept.at(i)
  }

  function summary(): Summary {
    return {
      ...{ last, time, newestRemoved, floor: marks.floor, marks: [...marks] },
      topics: [...topics.values()].map(({ name, trimmedTo, isOwn }) => [name, trimmedTo, isOwn]),
    }
  }

  function restore(known: Summary, entries: Iterable<readonly [number, number, StoredMessage]>): void {
    marks = new RemovedPositions(known.marks, known.floor)
    for (const [name, trimmedTo, isOwn] of known.topics) {
      if (isOwn) removals.move(name, trimmedTo)
      topics.set(name, { name, kept: new Deque(), size: 0, trimmedTo, isOwn })
    }
    for (const [sequence, at, message] of entries) put(message, sequence, at)
    last = known.last
    time = known.time
    newestRemoved = known.newestRemoved
  }

  return {
    get epoch() {
      return epoch
    },
    get last() {
      return last
    },
    get time() {
      return time
    },
    get size() {
      return size
    },
    get oldestTime() {
      return count > 0 ? order.at(0).entry.time : undefined
    },
    ...{ append, expireSome, forget, read, locate, summary, restore },
    expire: (at) => void expireSome(at, Infinity),
    bounds: () => ({ first: positionOf(first()), last: positionOf(last) }),
    setLimits(next) {
      limits = next
      enforce([...topics.values()])
    },
    setEpoch(next) {
      epoch = next
      for (const kept of keptFrom(0)) kept.entry = { ...kept.entry, position: positionOf(kept.sequence) }
    },
    entries: () => [...keptFrom(0)].map(({ sequence, entry }) => [sequence, entry]),
    clear() {
      for (const map of [topics, ids, keys, removals]) map.clear()
      order.filter(() => false)
      count = 0
    },
  }
}
