import { systemClock, type Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import type { Entry, Position, StoredMessage } from "../message.ts"
import { Deque } from "./deque.ts"
import type { Appended, Landmark, Log, Page, ReadQuery, Retention } from "./log.ts"
import { lossOf, placeOf } from "./loss.ts"
import { Marks } from "./marks.ts"
import { merge } from "./merge.ts"
import { createEpoch, formatPosition, parsePosition } from "./position.ts"
import { DEFAULT_RETENTION, limitsOf, sizeOf } from "./retention.ts"

export interface MemoryLogOptions {
  /** What is kept. @default 100,000 entries, 64 MiB */
  readonly retention?: Retention
  /** Tells how old entries are, in tests that of `onward/testing`. @default the machine's */
  readonly clock?: Clock
  /** Only that of a clock: milliseconds since 1970. @default that of `clock` */
  readonly now?: () => number
  /** Eight characters of 0-9a-z that name this life of the log. @default random */
  readonly epoch?: string
}

/** A kept entry. `isGone` is for those removed from the middle: they stay in the order until it is tidied up. */
interface Kept {
  readonly sequence: number
  readonly size: number
  readonly entry: Entry
  readonly topic: Topic
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
 * A log in this process's memory. An acknowledged message lives as long as the process does, and until retention removes it.
 * Watchers are woken in a microtask after the append that had something to store, before its caller goes on; appends of
 * the same turn may share one wake. Age is also looked at by every read, so that no read shows what is too old.
 *
 * @example
 * const hub = createHub({ log: memoryLog({ retention: { count: 10_000, age: 3_600_000 } }) })
 */
export function memoryLog(options: MemoryLogOptions = {}): Log {
  const { retention = DEFAULT_RETENTION, clock = systemClock, now = () => clock.now(), epoch = createEpoch() } = options
  if (!parsePosition(formatPosition(epoch, 0))) throw new TypeError("epoch must be eight characters of 0-9 and a-z")
  const limits = limitsOf(retention)
  const hasTopicLimits = limits.topicCount < Infinity || limits.topicBytes < Infinity

  /** Every kept entry in order, and some gone ones: never the first, and never more than kept ones. */
  const order = new Deque<Kept>()
  const topics = new Map<string, Topic>()
  const marks = new Marks()
  const ids = new Map<string, Kept>()
  const keys = new Map<string, Kept>()
  const watchers = new Set<{ readonly wake: (newest: Position) => void }>()

  let count = 0
  let size = 0
  let last = 0
  /** That of the newest entry. */
  let time = 0
  let newestRemoved = 0
  let isWaking = false
  let isClosed = false

  const positionOf = (sequence: number): Position => formatPosition(epoch, sequence)
  const first = (): number => (count > 0 ? order.at(0).sequence - 1 : last)

  /** Begins a call: removes what is too old, and tells the time, which never runs backwards. */
  function open(): number {
    if (isClosed) throw new OnwardError("log_closed", "the log is closed: create a new one")
    const present = Math.max(time, now())
    while (count > 0 && order.at(0).entry.time < present - limits.age) remove(order.at(0))
    return present
  }

  function append(messages: readonly StoredMessage[]): Appended {
    const present = open()
    const previous = last
    const touched = new Set<Topic>()
    const positions = messages.map((message) => {
      const twin =
        (message.id !== undefined && ids.get(message.id)) || (message.key !== undefined && keys.get(message.key))
      if (twin) return twin.entry.position
      const { entry, topic } = store(message, present)
      if (hasTopicLimits) touched.add(topic)
      return entry.position
    })
    // only now, so that a message given twice in one call is stored once whatever the limits are; topics first, because
    // what they remove need not be removed elsewhere
    for (const topic of touched) {
      while (topic.kept.length > limits.topicCount || topic.size > limits.topicBytes) remove(topic.kept.at(0))
    }
    while (count > limits.count || size > limits.bytes) remove(order.at(0))
    if (last > previous) {
      time = present
      wakeSoon()
    }
    return { positions, previous: positionOf(previous), time: present }
  }

  function store(message: StoredMessage, present: number): Kept {
    const sequence = ++last
    const entry: Entry = { ...message, position: positionOf(sequence), time: present }
    const topic = topicOf(message.topic)
    const { data, event, id, key } = message
    const kept: Kept = { sequence, size: sizeOf(topic.name, data, event, id, key), entry, topic, isGone: false }
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
    topic.trimmedTo = sequence
    topic.isOwnMark = true
    if (topic.kept.length === 0) {
      topics.delete(topic.name)
      marks.set(topic.name, sequence)
    }
    newestRemoved = Math.max(newestRemoved, sequence)
    if (entry.id !== undefined) ids.delete(entry.id)
    if (entry.key !== undefined) keys.delete(entry.key)
  }

  function read({ after, topics: names, limit }: ReadQuery): Page {
    open()
    const place = placeOf(after, epoch, first(), last)
    const lost = place.lost ?? (place.from < newestRemoved ? lossOf(epoch, place.from, removed(names)) : undefined)
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

  /** How far each topic was removed, of those named or of all. */
  function* removed(names: readonly string[] | undefined): Generator<[topic: string, to: number]> {
    if (names) {
      for (const name of names) {
        const topic = topics.get(name)
        const { to, isOwn } = topic ? { to: topic.trimmedTo, isOwn: topic.isOwnMark } : marks.get(name)
        yield [isOwn ? name : "*", to]
      }
      return
    }
    for (const { name, trimmedTo, isOwnMark } of topics.values()) yield [isOwnMark ? name : "*", trimmedTo]
    yield* marks
    yield ["*", marks.floor]
  }

  function locate(landmark: Landmark): Position | undefined {
    open()
    if ("id" in landmark) return ids.get(landmark.id)?.entry.position
    if ("since" in landmark) {
      const index = order.search((kept) => kept.entry.time >= landmark.since)
      for (const kept of livingFrom(index)) return positionOf(kept.sequence - 1)
      return positionOf(last)
    }
    if (landmark.last <= 0) return positionOf(last)
    return positionOf(beforeLast(landmark.last, landmark.topics))
  }

  function beforeLast(wanted: number, names: readonly string[] | undefined): number {
    const parts = names ? topicsNamed(names).map(({ kept }) => kept) : [order]
    // the newest `wanted` of all are among the newest `wanted` of each
    const newest: number[] = []
    for (const part of parts) {
      for (let i = part.length - 1, taken = 0; i >= 0 && taken < wanted; i--) {
        const kept = part.at(i)
        if (kept.isGone) continue
        newest.push(kept.sequence)
        taken += 1
      }
    }
    const oldest = newest.sort((a, b) => b - a)[wanted - 1]
    return oldest === undefined ? first() : oldest - 1
  }

  function wakeSoon(): void {
    if (isWaking || watchers.size === 0) return
    isWaking = true
    queueMicrotask(() => {
      isWaking = false
      for (const { wake } of watchers) wake(positionOf(last))
    })
  }

  return {
    append: async (messages) => append(messages),
    read: async (query) => read(query),
    locate: async (landmark) => locate(landmark),
    async bounds() {
      open()
      return { first: positionOf(first()), last: positionOf(last) }
    },
    async watch(wake) {
      open()
      const watcher = { wake }
      watchers.add(watcher)
      return async () => void watchers.delete(watcher)
    },
    async trim() {
      open()
    },
    async close() {
      isClosed = true
      watchers.clear()
      for (const map of [topics, ids, keys]) map.clear()
      order.filter(() => false)
    },
  }
}
