import type { DatabaseSync } from "node:sqlite"
import type { Entry, Position } from "../../message.ts"
import type { Bounds, Landmark, Page, ReadQuery } from "../log.ts"
import { lossOf, readFrom } from "../driver/loss.ts"
import { MAX_SAME_ID, idScopeOf, type IdScope } from "../driver/id-index.ts"
import { formatPosition } from "../driver/position.ts"
import { NEW_LIFE } from "./counters.ts"
import { entryOf, prepareReaderSql, type LogState, type ReaderSql, type Row } from "./reader-sql.ts"
import { endOfSegment, segmentOf } from "./schema.ts"

/** Bytes and number of entries after which a page ends, so that no read holds up the event loop for long. */
const PAGE_BYTES = 2 * 1024 * 1024
const PAGE_ENTRIES = 4096
/** Topics times segments after which a page ends, found something or not, for the same reason. */
const PAGE_SEEKS = 4096

/** What counting the entries of a segment costs, in seeks. */
const COUNT_SEEKS = 256

export type LastEntries = Extract<Landmark, { last: unknown }>

/** How far a look-back got: the next segment to look at, and how many entries are still to be found. */
export interface LookBack {
  readonly segment: number
  readonly left: number
}

/** Reads on this thread, each answer in one short read transaction. Throws what SQLite throws. */
export class Reader {
  readonly #epoch: string
  readonly #sql: ReaderSql

  constructor(database: DatabaseSync, epoch: string) {
    this.#epoch = epoch
    this.#sql = prepareReaderSql(database)
  }

  /** Another number than last time when any other connection, our own writer's too, has committed in between. */
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

  #snapshot<T>(ask: (log: LogState) => T): T {
    this.#sql.begin.run()
    try {
      const log = this.#sql.log.get() as unknown as LogState
      if (log.epoch !== this.#epoch) throw new Error(NEW_LIFE)
      const answer = ask(log)
      this.#sql.commit.run()
      return answer
    } catch (error) {
      try {
        this.#sql.rollback.run()
      } catch {
        // SQLite has rolled back by itself
      }
      throw error
    }
  }

  readonly #position = (sequence: number): Position => formatPosition(this.#epoch, sequence)

  /** Just before the oldest kept entry. */
  #first(log: LogState): number {
    const oldest = this.#sql.oldest.get()?.["sequence"] as number | undefined
    return oldest === undefined ? log.last : oldest - 1
  }

  #page(from: number, log: LogState, topics: readonly string[] | undefined, limit: number): Page {
    if (from === log.last) return { entries: [], next: this.#position(from) }
    const chosen = topics && this.#chosen(from, log, topics, limit)
    const rows = chosen
      ? this.#sql.chosen.iterate(JSON.stringify(chosen.sequences))
      : this.#sql.page.iterate(from, limit)
    const entries: Entry[] = []
    let bytes = 0
    for (const row of rows as Iterable<unknown> as Iterable<Row>) {
      entries.push(entryOf(row, this.#position(row.sequence)))
      bytes += row.size
      if (bytes >= PAGE_BYTES) break
    }
    const newest = entries.at(-1)
    const isFull = entries.length === limit || bytes >= PAGE_BYTES
    return { entries, next: newest && isFull ? newest.position : this.#position(chosen?.upTo ?? log.last) }
  }

  /** The first `limit` entries on these topics, as far as they were looked for: up to and including `upTo`. */
  #chosen(
    from: number,
    log: LogState,
    topics: readonly string[],
    limit: number,
  ): { sequences: number[]; upTo: number } {
    const { ids } = this.#kept(topics)
    const sequences: number[] = []
    const end = segmentOf(log.last)
    if (ids.length === 0) return { sequences, upTo: log.last }
    const wanted = JSON.stringify(ids)
    let segment = segmentOf(Math.max(from, this.#first(log)) + 1)
    for (let seeks = ids.length; segment <= end; segment++, seeks += ids.length) {
      for (const { sequence } of this.#sql.oldestOf.all(segment, wanted, from, limit - sequences.length)) {
        sequences.push(sequence as number)
      }
      if (sequences.length >= limit) break
      if (seeks >= PAGE_SEEKS && segment < end) return { sequences, upTo: endOfSegment(segment) }
    }
    return { sequences, upTo: log.last }
  }

  /** Those of the topics that have entries, and how many entries that is. */
  #kept(topics: readonly string[]): { ids: number[]; count: number } {
    const ids: number[] = []
    let count = 0
    for (const topic of new Set(topics)) {
      const row = this.#sql.topic.get(topic)
      if (!row || row["count"] === 0) continue
      ids.push(row["id"] as number)
      count += row["count"] as number
    }
    return { ids, count }
  }

  /** How far each topic was removed, of those named or of all. */
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

  /** Times never fall, so that halving finds the place without an index. */
  #beforeTime(since: number, log: LogState): number {
    let low = this.#first(log) + 1
    let high = log.last + 1
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2)
      const entry = this.#sql.entryFrom.get(middle)
      if (!entry || (entry["time"] as number) >= since) high = middle
      else low = (entry["sequence"] as number) + 1
    }
    // entries may be missing just before the one that was found
    const found = this.#sql.entryFrom.get(low)
    return found ? (found["sequence"] as number) - 1 : log.last
  }

  /** Where entries with this id are. */
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
   * Looks back for the place before the last entries: a stretch of segments, from where the last call got to, newest first. Gives the place,
   * or how far it got: a look at all segments of a large log would hold up the event loop.
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

  /** The place before the newest `count` entries of a segment, or how many it has if they are fewer. */
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
