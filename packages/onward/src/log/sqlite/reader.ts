import type { DatabaseSync } from "node:sqlite"
import type { Entry, Position } from "../../message.ts"
import type { Bounds, Landmark, Page, ReadQuery } from "../log.ts"
import { lossOf, placeOf } from "../loss.ts"
import { merge } from "../merge.ts"
import { formatPosition } from "../position.ts"
import { entryOf, prepareReaderSql, type LogState, type ReaderSql, type Row } from "./reader-sql.ts"

/** Bytes and number of entries after which a page ends, so that no read holds up the event loop for long. */
const PAGE_BYTES = 2 * 1024 * 1024
const PAGE_ENTRIES = 4096

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

  bounds(): Bounds {
    return this.#snapshot((log) => ({ first: this.#position(this.#first(log)), last: this.#position(log.last) }))
  }

  read({ after, topics, limit }: ReadQuery): Page {
    return this.#snapshot((log) => {
      const { from, lost } = placeOf(after, this.#epoch, this.#first(log), log.last)
      const loss =
        lost ?? (from < log.trimmed ? lossOf(this.#epoch, from, this.#removed(from, log, topics)) : undefined)
      return { ...this.#page(from, log, topics, Math.min(limit, PAGE_ENTRIES)), ...(loss && { lost: loss }) }
    })
  }

  locate(landmark: Landmark): Position | undefined {
    return this.#snapshot((log) => {
      if ("id" in landmark) {
        const row = this.#sql.withId.get(landmark.id)
        return row && this.#position(row["sequence"] as number)
      }
      const before =
        "since" in landmark
          ? this.#beforeTime(landmark.since, log)
          : this.#beforeLast(landmark.last, landmark.topics, log)
      return this.#position(before)
    })
  }

  #snapshot<T>(ask: (log: LogState) => T): T {
    this.#sql.begin.run()
    try {
      const answer = ask(this.#sql.log.get() as unknown as LogState)
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
    const chosen = topics && this.#chosen(from, topics, limit)
    const rows = chosen ? this.#sql.chosen.iterate(JSON.stringify(chosen)) : this.#sql.page.iterate(from, limit)
    const entries: Entry[] = []
    let bytes = 0
    for (const row of rows as Iterable<unknown> as Iterable<Row>) {
      entries.push(entryOf(row, this.#position(row.sequence)))
      bytes += row.size
      if (bytes >= PAGE_BYTES) break
    }
    const newest = entries.at(-1)
    const isFull = entries.length === limit || bytes >= PAGE_BYTES
    return { entries, next: newest && isFull ? newest.position : this.#position(log.last) }
  }

  /** Sequence numbers of the first `limit` entries on these topics. */
  #chosen(from: number, topics: readonly string[], limit: number): number[] {
    const ids = this.#ids(topics)
    const page = Math.max(16, Math.ceil((2 * limit) / ids.length))
    const sequences: number[] = []
    for (const sequence of merge(
      ids.map((id) => this.#sequences(id, from, page)),
      (a, b) => a - b,
    )) {
      sequences.push(sequence)
      if (sequences.length >= limit) break
    }
    return sequences
  }

  /** Sequence numbers of a topic after `from`, looked up page by page. */
  *#sequences(topic: number, from: number, page: number): Generator<number> {
    for (;;) {
      const rows = this.#sql.topicAfter.all(topic, from, page)
      for (const { sequence } of rows) yield (from = sequence as number)
      if (rows.length < page) return
    }
  }

  #ids(topics: readonly string[]): number[] {
    const rows = [...new Set(topics)].map((topic) => this.#sql.topic.get(topic))
    return rows.flatMap((row) => (row ? (row["id"] as number) : []))
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
    return low - 1
  }

  #beforeLast(count: number, topics: readonly string[] | undefined, log: LogState): number {
    if (count <= 0) return log.last
    if (!topics) {
      const row = this.#sql.newest.get(count - 1)
      return row ? (row["sequence"] as number) - 1 : this.#first(log)
    }
    // the newest of all are among the newest of each
    const newest = this.#ids(topics).flatMap((id) =>
      this.#sql.topicNewest.all(id, count).map(({ sequence }) => sequence as number),
    )
    const oldest = newest.sort((a, b) => b - a)[count - 1]
    return oldest === undefined ? this.#first(log) : oldest - 1
  }
}
