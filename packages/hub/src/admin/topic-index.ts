import { setImmediate as nextTurn } from "node:timers/promises"
import type { Entry, Log } from "onward"
import { idOf } from "./entry-id.ts"

/** The newest entries that are counted by topic. */
const MAX_ENTRIES = 20_000
/** Entries of one read. */
const PAGE = 500
/** The time over which a topic's rate is an average, in ms. */
const RATE_MS = 60_000

/** What is counted of one topic. */
export interface TopicCount {
  readonly topic: string
  /** Kept entries among those counted. */
  readonly entries: number
  /** UTF-8 bytes of their payloads. */
  readonly bytes: number
  readonly newestId: string
  /** In ms since 1970. */
  readonly newestAt: number
  /** Entries a second in the last minute. */
  readonly rate: number
}

export interface TopicCounts {
  readonly topics: readonly TopicCount[]
  /** The number of entries that were counted. */
  readonly counted: number
  /** Whether these are all entries of the log; otherwise older ones exist. */
  readonly isAll: boolean
}

/** Counts the newest entries of a log by topic. */
export interface TopicIndex {
  /** Reads what is new since the last call, and counts. Concurrent calls share one reading. */
  count(): Promise<TopicCounts>
}

interface Topic {
  entries: number
  bytes: number
  newestId: string
  newestAt: number
}

interface Counted {
  readonly position: string
  readonly topic: string
  readonly bytes: number
  readonly time: number
}

export interface TopicIndexOptions {
  readonly log: Log
  /** @default 20_000 */
  readonly maxEntries?: number
  /** @default Date.now */
  readonly now?: () => number
}

/** Creates an index, which reads nothing until `count`. The log cannot list topics, so the index reads its newest entries, each once. */
export function createTopicIndex({ log, maxEntries = MAX_ENTRIES, now = Date.now }: TopicIndexOptions): TopicIndex {
  let topics = new Map<string, Topic>()
  /** Oldest first; those before `from` are no longer counted. */
  let counted: Counted[] = []
  let from = 0
  let after: string | undefined
  let isAll = true
  let reading: Promise<void> | undefined

  function forgetOldest(): void {
    const { topic, bytes } = counted[from++] as Counted
    const known = topics.get(topic)
    if (known) {
      known.entries--
      known.bytes -= bytes
      if (known.entries === 0) topics.delete(topic)
    }
    // frees the memory of what is no longer counted, now and then
    if (from > maxEntries) {
      counted = counted.slice(from)
      from = 0
    }
  }

  function add(entry: Entry): void {
    const { topic, position, time, data } = entry
    if (topic.startsWith("stream.")) return
    const bytes = Buffer.byteLength(data)
    const known = topics.get(topic)
    if (known) {
      known.entries++
      known.bytes += bytes
      known.newestId = idOf(entry)
      known.newestAt = time
    } else topics.set(topic, { entries: 1, bytes, newestId: idOf(entry), newestAt: time })
    counted.push({ position, topic, bytes, time })
    if (counted.length - from > maxEntries) {
      forgetOldest()
      isAll = false
    }
  }

  async function restart(): Promise<string> {
    const { first } = await log.bounds()
    const start = (await log.locate({ last: maxEntries })) ?? first
    topics = new Map()
    counted = []
    from = 0
    isAll = start <= first
    return start
  }

  async function read(): Promise<void> {
    after ??= await restart()
    for (;;) {
      const page = await log.read({ after, limit: PAGE })
      // trimmed faster than it was read, or the log was recreated
      if (page.lost && page.lost.reason !== "trimmed") after = await restart()
      for (const entry of page.entries) add(entry)
      if (page.next === after) break
      after = page.next
      await nextTurn()
    }
    const { first } = await log.bounds()
    while (from < counted.length && (counted[from] as Counted).position <= first) forgetOldest()
  }

  return {
    async count() {
      reading ??= read().finally(() => (reading = undefined))
      await reading
      const since = now() - RATE_MS
      const recent = new Map<string, number>()
      for (let i = counted.length - 1; i >= from; i--) {
        const { topic, time } = counted[i] as Counted
        if (time < since) break
        recent.set(topic, (recent.get(topic) ?? 0) + 1)
      }
      return {
        topics: Array.from(topics, ([topic, of]) => ({
          topic,
          ...of,
          rate: ((recent.get(topic) ?? 0) * 1_000) / RATE_MS,
        })),
        counted: counted.length - from,
        isAll,
      }
    },
  }
}
