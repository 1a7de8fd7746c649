import type { Entry, Position, StoredMessage } from "../../message.ts"
import { Deque } from "./deque.ts"
import type { Appended, Bounds, Landmark, Page, ReadQuery } from "../log.ts"
import { lossOf, readFrom } from "./loss.ts"
import { RemovalIndex } from "./removal-index.ts"
import { RemovedPositions } from "./removed-positions.ts"
import { merge } from "./merge.ts"
import { IdIndex, idScopeOf, type IdScope } from "./id-index.ts"
import { formatPosition } from "./position.ts"
import { sizeOf, type Limits } from "./retention.ts"

/** A kept entry. `isGone` is for those removed from the middle: they stay in the order until it is tidied up. */
interface Kept {
  readonly sequence: number
  readonly size: number
  entry: Entry
  readonly topic: Topic
  /** When it was stored, on the time line that its age is measured on. */
  readonly at: number
  isGone: boolean
}

/** A topic with kept entries. */
interface Topic {
  readonly name: string
  readonly kept: Deque<Kept>
  size: number
  /** See `Mark`. */
  trimmedTo: number
  isOwnMark: boolean
}

/**
 * The entries a log keeps, in memory, with all it must know to answer. It has no clock and no chance in it: the same calls
 * give the same answers, in whatever process they are made.
 */
export interface KeptEntries {
  readonly epoch: string
  /** The newest sequence number ever given. */
  readonly last: number
  /** That of the newest entry, in milliseconds since 1970. */
  readonly time: number
  /** What is kept, in bytes as limits count them. */
  readonly size: number
  /** The time of the oldest entry kept; undefined when there is none. */
  readonly oldestTime: number | undefined
  /**
   * Stores messages at a time that is not smaller than `time`, and then removes what is too much. `at` is the same moment on the
   * time line that ages are measured on, where that is another.
   */
  append(messages: readonly StoredMessage[], present: number, at?: number): Appended
  /** Removes what is too old at a moment of that time line. */
  expire(at: number): void
  /** As `expire`, but at most `most` entries. False when it left some. */
  expireSome(at: number, most: number): boolean
  read(query: ReadQuery): Page
  locate(landmark: Landmark): Position | undefined
  bounds(): Bounds
  /** Keeps by other limits from now on. */
  setLimits(limits: Limits): void
  /** Begins a new life: the same entries at positions of another epoch. */
  setEpoch(epoch: string): void
  /** All that is kept, oldest first. */
  entries(): readonly (readonly [sequence: number, entry: Entry])[]
  /** What is known besides the entries. */
  summary(): Summary
  /** Puts back what `entries` and `summary` told, into one that is empty still. */
  restore(summary: Summary, entries: Iterable<readonly [sequence: number, time: number, message: StoredMessage]>): void
  clear(): void
}

/** What is to be remembered of entries besides themselves; plain, so that it can be written down. */
export interface Summary {
  readonly last: number
  readonly time: number
  readonly newestRemoved: number
  readonly floor: number
  /** How far each topic was removed, see `Mark`. */
  readonly marks: readonly (readonly [topic: string, to: number])[]
  /** The same for those with kept entries. */
  readonly topics: readonly (readonly [topic: string, to: number, isOwn: boolean])[]
}

/** Makes an empty one. */
export function createKeptEntries(epoch: string, limits: Limits): KeptEntries {
  /** Every kept entry in order, and some gone ones: never the first, and never more than kept ones. */
  const order = new Deque<Kept>()
  const topics = new Map<string, Topic>()
  /** The own marks of topics with kept entries. */
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
      const twin = (id !== undefined && ids.get(name, id)) || (key !== undefined && keys.get(name, key))
      if (twin) return twin.entry.position
      const { entry, topic } = put(message, ++last, present, at)
      if (hasTopicLimits) touched.add(topic)
      return entry.position
    })
    // only now, so that a message given twice in one call is stored once whatever the limits are
    enforce(touched)
    if (last > previous) time = present
    return { positions, previous: positionOf(previous), time: present }
  }

  /** Topics first, because what they remove need not be removed elsewhere. */
  function enforce(touched: Iterable<Topic>): void {
    for (const topic of touched) {
      while (topic.kept.length > limits.topicCount || topic.size > limits.topicBytes) remove(topic.kept.at(0))
    }
    while (count > limits.count || size > limits.bytes) remove(order.at(0))
  }

  function expireSome(at: number, most: number): boolean {
    const isOld = (): boolean => count > 0 && order.at(0).at < at - limits.age
    for (let left = most; left > 0 && isOld(); left--) remove(order.at(0))
    return !isOld()
  }

  function put(message: StoredMessage, sequence: number, present: number, at = present): Kept {
    const entry: Entry = { ...message, position: positionOf(sequence), time: present }
    const topic = topicOf(message.topic)
    const { data, event, id, idempotencyKey: key } = message
    const kept: Kept = { sequence, size: sizeOf(topic.name, data, event, id, key), entry, topic, at, isGone: false }
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
      topic = { name, kept: new Deque(), size: 0, trimmedTo: to, isOwnMark: isOwn }
      topics.set(name, topic)
    }
    return topic
  }

  /** Removes the oldest entry of its topic. */
  function remove(kept: Kept): void {
    const { sequence, topic, entry } = kept
    kept.isGone = true
    count -= 1
    size -= kept.size
    while (order.length > 0 && order.at(0).isGone) order.shift()
    if (order.length > 1024 && order.length > count * 2) order.filter((item) => !item.isGone)

    topic.kept.shift()
    topic.size -= kept.size
    const before = topic.isOwnMark ? topic.trimmedTo : undefined
    topic.trimmedTo = sequence
    topic.isOwnMark = true
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
    const place = readFrom(after, epoch, first(), last)
    const lost =
      place.lost ?? (place.from < newestRemoved ? lossOf(epoch, place.from, removed(place.from, names)) : undefined)
    return { ...page(place.from, names, limit), ...(lost && { lost }) }
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
    if (!names) return livingFrom(order.search(isAfter))
    const lists = topicsNamed(names).map(({ kept }) => itemsFrom(kept, kept.search(isAfter)))
    return merge(lists, (a, b) => a.sequence - b.sequence)
  }

  function* itemsFrom(kept: Deque<Kept>, start: number): Generator<Kept> {
    for (let i = start; i < kept.length; i++) yield kept.at(i)
  }

  function* livingFrom(start: number): Iterable<Kept> {
    for (let i = start; i < order.length; i++) {
      const kept = order.at(i)
      if (!kept.isGone) yield kept
    }
  }

  const topicsNamed = (names: readonly string[]): Topic[] =>
    [...new Set(names)].flatMap((name) => topics.get(name) ?? [])

  /** How far topics were removed: those named, or all that were after `from`. */
  function* removed(from: number, names: readonly string[] | undefined): Generator<[topic: string, to: number]> {
    if (names) {
      for (const name of names) {
        const topic = topics.get(name)
        const { to, isOwn } = topic ? { to: topic.trimmedTo, isOwn: topic.isOwnMark } : marks.get(name)
        yield [isOwn ? name : "*", to]
      }
      return
    }
    yield* removals.after(from)
    yield* marks.after(from)
    // marks that are not a topic's own are not above it
    yield ["*", marks.floor]
  }

  function locate(landmark: Landmark): Position | undefined {
    if ("id" in landmark) return withId(landmark.id, idScopeOf(landmark))?.entry.position
    if ("since" in landmark) {
      const index = order.search((kept) => kept.entry.time >= landmark.since)
      for (const kept of livingFrom(index)) return positionOf(kept.sequence - 1)
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
      if (!kept.isGone && --left === 0) return kept.sequence - 1
    }
    return first()
  }

  function* newestFirst(kept: Deque<Kept>): Generator<Kept> {
    for (let i = kept.length - 1; i >= 0; i--) yield kept.at(i)
  }

  function summary(): Summary {
    return {
      ...{ last, time, newestRemoved, floor: marks.floor, marks: [...marks] },
      topics: [...topics.values()].map(({ name, trimmedTo, isOwnMark }) => [name, trimmedTo, isOwnMark]),
    }
  }

  function restore(known: Summary, entries: Iterable<readonly [number, number, StoredMessage]>): void {
    marks = new RemovedPositions(known.marks, known.floor)
    for (const [name, trimmedTo, isOwnMark] of known.topics) {
      if (isOwnMark) removals.move(name, trimmedTo)
      topics.set(name, { name, kept: new Deque(), size: 0, trimmedTo, isOwnMark })
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
    ...{ append, expireSome, read, locate, summary, restore },
    expire: (at) => void expireSome(at, Infinity),
    bounds: () => ({ first: positionOf(first()), last: positionOf(last) }),
    setLimits(next) {
      limits = next
      enforce([...topics.values()])
    },
    setEpoch(next) {
      epoch = next
      for (const kept of livingFrom(0)) kept.entry = { ...kept.entry, position: positionOf(kept.sequence) }
    },
    entries: () => [...livingFrom(0)].map(({ sequence, entry }) => [sequence, entry]),
    clear() {
      for (const map of [topics, ids, keys, removals]) map.clear()
      order.filter(() => false)
      count = 0
    },
  }
}
