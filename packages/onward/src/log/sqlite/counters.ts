import { MAX_REMOVED_POSITIONS } from "../driver/removed-positions.ts"
import type { Limits } from "../driver/retention.ts"
import type { WriterSql } from "./writer-sql.ts"

/** The error when another process has started a new epoch: positions of this process are no longer valid. */
export const NEW_EPOCH = "another process started a new epoch of the log. Restart the processes that use it"

/** Maximum number of topics that are cached between transactions. */
const MAX_CACHED = 10_000

export interface LogRow {
  last: number
  time: number
  count: number
  bytes: number
  trimmed: number
  floor: number
  empty_topics: number
}

interface TopicRow {
  readonly id: number
  readonly name: string
  count: number
  bytes: number
  trimmed: number
  own: number
}

export interface Topic extends TopicRow {
  /** `count` in the file. */
  storedCount: number
}

/**
 * The counts and the newest removed positions of the log and of each topic. Cached between transactions, so that most transactions
 * read nothing. Read again when another connection has committed in between.
 */
export class Counters {
  readonly touched: Set<Topic> = new Set()
  readonly #sql: WriterSql
  readonly #epoch: string
  #log: LogRow | undefined
  #hasChanged = false
  #version: unknown
  readonly #byName = new Map<string, Topic>()
  readonly #byId = new Map<number, Topic>()

  constructor(sql: WriterSql, epoch: string) {
    this.#sql = sql
    this.#epoch = epoch
  }

  get log(): LogRow {
    return (this.#log ??= this.#readLog())
  }

  #readLog(): LogRow {
    const row = this.#sql.readLog.get() as unknown as LogRow & { epoch: string }
    if (row.epoch !== this.#epoch) throw new Error(NEW_EPOCH)
    return { ...row }
  }

  /** Must be called first in each transaction. */
  begin(): void {
    const version = this.#sql.dataVersion.get()?.["data_version"]
    if (version === this.#version && this.#byName.size < MAX_CACHED) return
    this.#version = version
    this.#log = undefined
    this.#byName.clear()
    this.#byId.clear()
  }

  /** The topic of this name, if there is one. */
  existing(name: string): Topic | undefined {
    return this.#byName.get(name) ?? this.#remember(this.#sql.topicByName.get(name))
  }

  /** The topic with this name. Created if it does not exist. */
  topicNamed(name: string): Topic {
    const known = this.existing(name)
    if (known) return known
    const id = Number(this.#sql.insertTopic.run(name, this.log.floor).lastInsertRowid)
    this.log.empty_topics += 1
    return this.#remember({ id, name, count: 0, bytes: 0, trimmed: this.log.floor, own: 0 }) as Topic
  }

  /** The topic of an entry. */
  topicWithId(id: number): Topic {
    const topic = this.#byId.get(id) ?? this.#remember(this.#sql.topicById.get(id))
    if (!topic) throw Object.assign(new Error(`topic ${id} of an entry is missing`), { errcode: 11 })
    return topic
  }

  /** At most 100 topics that are over their limits. */
  topicsOver({ topicCount, topicBytes }: Limits): Topic[] {
    const limits = [topicCount, topicBytes].map((limit) => Math.min(limit, Number.MAX_SAFE_INTEGER))
    return this.#sql.topicsOver.all(...limits).map(({ id }) => this.topicWithId(id as number))
  }

  /** Adds a new entry to the counts, and returns its sequence number. */
  added(topic: Topic, size: number): number {
    this.log.count += 1
    this.log.bytes += size
    topic.count += 1
    topic.bytes += size
    this.#touch(topic)
    return ++this.log.last
  }

  /** Subtracts a removed entry, the oldest of its topic, from the counts. */
  removed(topic: Topic, sequence: number, size: number): void {
    this.log.count -= 1
    this.log.bytes -= size
    this.log.trimmed = Math.max(this.log.trimmed, sequence)
    topic.count -= 1
    topic.bytes -= size
    topic.trimmed = sequence
    topic.own = 1
    this.#touch(topic)
  }

  /** Writes the changes to the file. */
  write(): void {
    if (!this.#hasChanged) return
    for (const topic of this.touched) {
      const { id, count, bytes, trimmed, own } = topic
      this.#sql.updateTopic.run(count, bytes, trimmed, own, id)
      if (topic.storedCount === 0 && count > 0) this.log.empty_topics -= 1
      if (topic.storedCount > 0 && count === 0) this.log.empty_topics += 1
      topic.storedCount = count
    }
    this.touched.clear()
    if (this.log.empty_topics > MAX_REMOVED_POSITIONS) this.#mergeMarks()
    const { last, time, count, bytes, trimmed, floor, empty_topics } = this.log
    this.#sql.updateLog.run(last, time, count, bytes, trimmed, floor, empty_topics)
    this.#hasChanged = false
  }

  /** Merges the smallest marks into the floor, see `RemovedPositions`. */
  #mergeMarks(): void {
    for (const row of this.#sql.smallestMarks.all(
      this.log.empty_topics - MAX_REMOVED_POSITIONS + MAX_REMOVED_POSITIONS / 10,
    )) {
      const { id, name, trimmed } = row as unknown as TopicRow
      this.#sql.deleteTopic.run(id)
      this.#byName.delete(name)
      this.#byId.delete(id)
      this.log.floor = Math.max(this.log.floor, trimmed)
      this.log.empty_topics -= 1
    }
  }

  #touch(topic: Topic): void {
    this.touched.add(topic)
    this.#hasChanged = true
  }

  #remember(row: object | undefined): Topic | undefined {
    if (!row) return undefined
    const topic = { ...(row as TopicRow), storedCount: (row as TopicRow).count }
    this.#byName.set(topic.name, topic)
    this.#byId.set(topic.id, topic)
    return topic
  }
}
