import type { DatabaseSync } from "node:sqlite"
import type { Entry, Position } from "../../message.ts"
import type { Bounds, Landmark, Page, ReadQuery } from "../log.ts"
import { lossOf, readFrom } from "../driver/loss.ts"
import { MAX_SAME_ID, idScopeOf, type IdScope } from "../driver/id-index.ts"
import { formatPosition } from "../driver/position.ts"
import { NEW_EPOCH } from "./counters.ts"
import { entryOf, prepareReaderSql, rowsOf, type LogState, type ReaderSql, type Row } from "./reader-sql.ts"
import { endOfSegment, segmentOf } from "./schema.ts"

/** Maximum number of bytes and entries of a page, so that a read blocks the event loop only briefly. */
const PAGE_BYTES = 2 * 1024 * 1024
const PAGE_ENTRIES = 4096
/** Maximum number of index searches of a page, one for each topic and segment, for the same reason. */
const PAGE_SEEKS = 4096

/** The cost of counting the entries of a segment, in index searches. */
const COUNT_SEEKS = 256

/** Number of rows that are read before their size is known. */
const FIRST_STEP = 16

/** As many rows as make a page, if they are as large as these. */
const nextStep = (rows: readonly Row[]): number =>
  Math.max(1, Math.floor((PAGE_BYTES * rows.length) / rows.reduce((sum, [, , size]) => sum + size, 1)))

export type LastEntries = Extract<Landmark, { last: unknown }>

/** The state of an unfinished search for the last entries: the next segment, and the number of entries still to find. */
export interface LookBack {
  readonly segment: number
  readonly left: number
}

/** Rows that are read as they are needed. The search is complete up to and including `upTo`, which is known after the last of them. */
interface Found {
  /** In steps. */
  rows: Iterable<readonly Row[]>
  /** The topic of all of them, if they are read by topic. */
  topic?: string | undefined
  upTo: number
}

/** Reads on this thread. Each call is one short read transaction, and throws the errors of SQLite. */
export class Reader {
  readonly #epoch: string
  readonly #sql: ReaderSql
  readonly #pageRows: ReturnType<typeof rowsOf>
  readonly #topicRows: ReturnType<typeof rowsOf>
  readonly #chosenRows: ReturnType<typeof rowsOf>

  constructor(database: DatabaseSync, epoch: string) {
    this.#epoch = epoch
    this.#sql = prepareReaderSql(database)
    this.#pageRows = rowsOf(this.#sql.page)
    this.#topicRows = rowsOf(this.#sql.pageOf)
    this.#chosenRows = rowsOf(this.#sql.chosen)
  }

  /** A number that changes when any other connection has committed, the writer of this process included. */
  dataVersion(): unknown {
    return this.#sql.dataVersion.get()?.["data_version"]
  }

  newest(): Position {
    return this.#position((this.#sql.log.get() as unknown as LogState).last)
  }

  bounds(): Bounds {
    return this.#snapshot((log) => ({ first: this.#position(this.#first(log)), last: this.#position(log.last) }))
  }

  read({ after, topics, limit }: ReadQuery): Page {
    return this.#snapshot((log) => {
      const { from, lost } = readFrom(after, this.#epoch, this.#first(log), log.last)
      const loss =
        lost ?? (from < log.trimmed ? lossOf(this.#epoch, from, this.#removed(from, log, topics)) : undefined)
      return { ...this.#page(from, log, topics, Math.min(limit, PAGE_ENTRIES)), ...(loss && { lost: loss }) }
    })
  }

  locate(landmark: Exclude<Landmark, LastEntries>): Position | undefined {
    return this.#snapshot((log) => {
      if ("id" in landmark) {
        const oldest = Math.min(...this.#withId(landmark.id, idScopeOf(landmark)))
        return oldest < Infinity ? this.#position(oldest) : undefined
      }
      return this.#position(this.#beforeTime(landmark.since, log))
    })
  }

  #snapshot<T>(read: (log: LogState) => T): T {
    this.#sql.begin.run()
    try {
      const log = this.#sql.log.get() as unknown as LogState
      if (log.epoch !== this.#epoch) throw new Error(NEW_EPOCH)
      const result = read(log)
      this.#sql.commit.run()
      return result
    } catch (error) {
      try {
        this.#sql.rollback.run()
      } catch {
        // SQLite has already rolled back
      }
      throw error
    }
  }

  readonly #position = (sequence: number): Position => formatPosition(this.#epoch, sequence)

  /** The sequence number just before the oldest kept entry. */
  #first(log: LogState): number {
    const oldest = this.#sql.oldest.get()?.["sequence"] as number | undefined
    return oldest === undefined ? log.last : oldest - 1
  }

  #page(from: number, log: LogState, topics: readonly string[] | undefined, limit: number): Page {
    if (from === log.last) return { entries: [], next: this.#position(from) }
    const found: Found = topics
      ? this.#chosen(from, log, topics, limit)
      : { rows: this.#steps(from, limit), upTo: log.last }
    const entries: Entry[] = []
    let bytes = 0
    const { topic = "" } = found
    for (const rows of found.rows) {
      for (const row of rows) {
        if (bytes >= PAGE_BYTES) break
        entries.push(entryOf(row, this.#position(row[0]), topic))
        bytes += row[2]
      }
      if (bytes >= PAGE_BYTES) break
    }
    const newest = entries.at(-1)
    const isFull = entries.length === limit || bytes >= PAGE_BYTES
    return { entries, next: newest && isFull ? newest.position : this.#position(found.upTo) }
  }

  /** At most `limit` rows after a sequence number, in steps: all rows of a step are in memory, and each can have a megabyte. */
  *#steps(from: number, limit: number): Generator<readonly Row[]> {
    let after = from
    for (let left = limit, step = FIRST_STEP; left > 0;) {
      const rows = this.#pageRows(after, Math.min(step, left))
      yield rows
      const last = rows.at(-1)
      if (!last || rows.length < step) return
      after = last[0]
      left -= rows.length
      step = nextStep(rows)
    }
  }

  *#stepsOf(sequences: readonly number[]): Generator<readonly Row[]> {
    const [first, last] = [sequences[0], sequences.at(-1)]
    if (first === undefined || last === undefined) return
    // adjacent rows need no search for each
    if (last - first + 1 === sequences.length) return yield* this.#steps(first - 1, sequences.length)
    for (let at = 0, step = FIRST_STEP; at < sequences.length;) {
      const rows = this.#chosenRows(JSON.stringify(sequences.slice(at, at + step)))
      yield rows
      at += step
      step = nextStep(rows)
    }
  }

  /** The first `limit` entries on these topics. */
  #chosen(from: number, log: LogState, topics: readonly string[], limit: number): Found {
    const { ids, names } = this.#kept(topics)
    const found: Found = { rows: [], upTo: log.last }
    const [id, ...others] = ids
    if (id === undefined) return found
    if (others.length === 0) {
      found.topic = names[0]
      found.rows = this.#stepsOfTopic(from, log, id, limit, found)
    } else found.rows = this.#stepsOf(this.#sequencesOf(from, log, ids, limit, found))
    return found
  }

  /** One topic needs no search for sequence numbers before that for rows. */
  *#stepsOfTopic(from: number, log: LogState, id: number, limit: number, found: Found): Generator<readonly Row[]> {
    const end = segmentOf(log.last)
    let after = from
    let segment = segmentOf(Math.max(from, this.#first(log)) + 1)
    for (let left = limit, step = FIRST_STEP, seeks = 0; left > 0 && segment <= end; seeks++) {
      if (seeks >= PAGE_SEEKS) return void (found.upTo = endOfSegment(segment - 1))
      const count = Math.min(step, left)
      const rows = this.#topicRows(segment, id, after, count)
      yield rows
      left -= rows.length
      if (rows.length < count) segment++
      const last = rows.at(-1)
      if (!last) continue
      after = last[0]
      step = nextStep(rows)
    }
  }

  /** The sequence numbers of the first `limit` entries on these topics. */
  #sequencesOf(from: number, log: LogState, ids: readonly number[], limit: number, found: Found): number[] {
    const sequences: number[] = []
    const end = segmentOf(log.last)
    const wanted = JSON.stringify(ids)
    let segment = segmentOf(Math.max(from, this.#first(log)) + 1)
    for (let seeks = ids.length; segment <= end; segment++, seeks += ids.length) {
      for (const { sequence } of this.#sql.oldestOf.all(segment, wanted, from, limit - sequences.length)) {
        sequences.push(sequence as number)
      }
      if (sequences.length >= limit) break
      if (seeks >= PAGE_SEEKS && segment < end) {
        found.upTo = endOfSegment(segment)
        break
      }
    }
    return sequences
  }

  /** The topics that have entries, and the number of their entries. */
  #kept(topics: readonly string[]): { ids: number[]; names: string[]; count: number } {
    const ids: number[] = []
    const names: string[] = []
    let count = 0
    for (const topic of new Set(topics)) {
      const row = this.#sql.topic.get(topic)
      if (!row || row["count"] === 0) continue
      ids.push(row["id"] as number)
      names.push(topic)
      count += row["count"] as number
    }
    return { ids, names, count }
  }

  /** The newest removed sequence number of each named topic, or of all topics. */
  *#removed(
    from: number,
    log: LogState,
    topics: readonly string[] | undefined,
  ): Generator<[topic: string, to: number]> {
    if (topics) {
      for (const topic of topics) {
        const row = this.#sql.topic.get(topic)
        yield row ? [row["own"] ? topic : "*", row["trimmed"] as number] : ["*", log.floor]
      }
      return
    }
    for (const { name, trimmed, own } of this.#sql.removed.iterate(from)) {
      yield [own ? (name as string) : "*", trimmed as number]
    }
    yield ["*", log.floor]
  }

  /** Times never decrease, so a binary search finds the position without an index. */
  #beforeTime(since: number, log: LogState): number {
    let low = this.#first(log) + 1
    let high = log.last + 1
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2)
      const entry = this.#sql.entryFrom.get(middle)
      if (!entry || (entry["time"] as number) >= since) high = middle
      else low = (entry["sequence"] as number) + 1
    }
    // entries just before the found one can be missing
    const found = this.#sql.entryFrom.get(low)
    return found ? (found["sequence"] as number) - 1 : log.last
  }

  /** The sequence numbers of the entries with this id. */
  *#withId(id: string, { topics, matches }: IdScope): Generator<number> {
    for (const topic of topics) {
      const row = this.#sql.withIdOn.get(id, topic)
      if (row) yield row["sequence"] as number
    }
    const rows = matches ? this.#sql.withId.all(id, MAX_SAME_ID + 1) : []
    if (rows.length > MAX_SAME_ID) return
    for (const { sequence, topic } of rows) if (matches?.(topic as string)) yield sequence as number
  }

  /**
   * Searches the position before the last entries, segment by segment, newest first. Returns the position, or the state of the search
   * for the next call: searching a large log at once would block the event loop.
   */
  lookBack({ last: count, topics }: LastEntries, at?: LookBack): Position | LookBack {
    return this.#snapshot((log) => {
      const first = this.#first(log)
      if (count <= 0) return this.#position(log.last)
      const kept = topics && this.#kept(topics)
      if (kept && kept.count < count) return this.#position(first)
      const wanted = kept && JSON.stringify(kept.ids)
      let { segment, left } = at ?? { segment: segmentOf(log.last), left: count }
      for (let seeks = 0; segment >= segmentOf(first); segment--) {
        if (seeks >= PAGE_SEEKS) return { segment, left }
        const found = wanted === undefined ? this.#newest(segment, left) : this.#newestOf(segment, wanted, left)
        if (typeof found !== "number") return this.#position(found.before)
        left -= found
        seeks += kept ? kept.ids.length : COUNT_SEEKS
      }
      return this.#position(first)
    })
  }

  /** The sequence number before the newest `count` entries of a segment. If it has fewer, their number. */
  #newest(segment: number, count: number): { before: number } | number {
    const { rows } = this.#sql.countOf.get(segment) as { rows: number }
    if (rows < count) return rows
    const row = this.#sql.newest.get(endOfSegment(segment), count - 1)
    return { before: (row?.["sequence"] as number) - 1 }
  }

  #newestOf(segment: number, wanted: string, count: number): { before: number } | number {
    const rows = this.#sql.newestOf.all(segment, wanted, count)
    return rows.length < count ? rows.length : { before: (rows.at(-1)?.["sequence"] as number) - 1 }
  }
}
