import type { DatabaseSync } from "node:sqlite"
import type { Limits } from "../driver/retention.ts"
import { sizeOf } from "../driver/retention.ts"
import { AgeClock, type Moment } from "./age-clock.ts"
import { Counters, type Topic } from "./counters.ts"
import { failureOf, isBusy, isOfOneCall } from "./failure.ts"
import { FileCheck, nameOf } from "./files.ts"
import { FORGET_STEP } from "../driver/forget.ts"
import { forgetEntries } from "./forget.ts"
import { openForWriting, sleep } from "./open.ts"
import { WIDTH, type AppendCall, type Column, type Reply, type Stored, type WriterOptions } from "./protocol.ts"
import { segmentOf } from "./schema.ts"
import { bootId, readWitness, WitnessWriter } from "./witness.ts"
import { prepareWriterSql, type WriterSql } from "./writer-sql.ts"

/** Maximum number of entries removed in one transaction, in addition to as many as it stores: a lowered limit must not delay appends. */
const MAX_REMOVALS = 2000

interface Connection {
  readonly database: DatabaseSync
  readonly sql: WriterSql
  readonly counters: Counters
  readonly witness: WitnessWriter
}

/** Writes to the file. It runs on its own thread, so it may block: for the disk, and for writers of other processes. */
export class Writer {
  /** True when retention has more to remove than the last transaction could. `sweep` continues. */
  isBehind = false
  readonly #options: WriterOptions
  readonly #limits: Limits
  #connection: Connection | undefined
  /** Entries that may still be removed in this transaction. */
  #budget = 0
  readonly #ages = new AgeClock()
  /** The present time for the age of entries. */
  #present = 0
  readonly #files: FileCheck

  constructor(options: WriterOptions) {
    this.#options = options
    this.#limits = options.limits
    this.#files = new FileCheck(options.path, options.files)
  }

  /** Stores the messages of all calls, in one commit if possible. Never throws: replies contain failures. */
  append(calls: readonly AppendCall[]): Reply[] {
    try {
      return this.#transaction((connection) => {
        const replies = calls.map((call) => ({ ticket: call.ticket, stored: this.#store(connection, call) }))
        this.#applyLimits(connection)
        return replies
      })
    } catch (error) {
      const failure = failureOf(error)
      // invalid data of one call must not fail the others
      if (calls.length > 1 && isOfOneCall(failure)) return calls.flatMap((call) => this.append([call]))
      return calls.map(({ ticket }) => ({ ticket, failure }))
    }
  }

  /** Applies retention, as far as one transaction allows. Throws the errors of SQLite. */
  sweep(moment: Moment): void {
    this.#transaction((connection) => {
      this.#present = this.#read(connection, moment)
      const topics = connection.counters.topicsOver(this.#limits)
      for (const topic of topics) this.#trimTopic(connection, topic)
      this.#applyLimits(connection)
      // more topics can be over their limits
      if (topics.length > 0) this.isBehind = true
    })
  }

  /**
   * Removes entries on request, oldest first, as many as fit in one transaction. What is removed is overwritten with zeros in the file; when
   * all is removed, the write-ahead log is emptied too, unless a reader prevents it. Throws what SQLite throws.
   */
  forget(topics: readonly string[] | undefined, upTo: number): { removed: number; isDone: boolean } {
    const { database } = (this.#connection ??= this.#connect())
    database.exec("PRAGMA secure_delete = ON")
    const removed = this.#transaction((place) => forgetEntries(place, topics, upTo, FORGET_STEP))
    const isDone = removed < FORGET_STEP
    database.exec("PRAGMA secure_delete = FAST")
    if (isDone) database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
    return { removed, isDone }
  }

  close(): void {
    this.#connection?.witness.close()
    this.#connection?.database.close()
    this.#connection = undefined
  }

  #transaction<T>(work: (connection: Connection) => T): T {
    let isDone = false
    try {
      const connection = (this.#connection ??= this.#connect())
      this.#begin(connection.sql)
      connection.counters.begin()
      this.#budget = MAX_REMOVALS
      this.isBehind = false
      const result = work(connection)
      connection.counters.write()
      connection.sql.commit.run()
      // entries written to a removed file are lost
      this.#checkFiles(connection)
      connection.witness.see(connection.counters.log.last)
      isDone = true
      return result
    } finally {
      if (!isDone) this.#abandon()
    }
  }

  #connect(): Connection {
    this.#checkFiles()
    const { path, epoch, durability, files } = this.#options
    const database = openForWriting(path, durability)
    try {
      const sql = prepareWriterSql(database)
      const witness = new WitnessWriter(path, {
        ...{ epoch, boot: bootId(), files: nameOf(files) },
        durability: this.#durabilityOfAll(),
      })
      return { database, sql, counters: new Counters(sql, epoch), witness }
    } catch (error) {
      database.close()
      throw error
    }
  }

  /** The lowest durability of all processes that have the log open, for the witness. */
  #durabilityOfAll(): "full" | "normal" {
    const { path, durability } = this.#options
    return durability === "normal" ? durability : (readWitness(path)?.durability ?? durability)
  }

  /** Throws from then on if a file was removed or replaced: the next process would not find later entries. */
  #checkFiles(connection?: Connection): void {
    const missing = this.#files.missing()
    if (missing === undefined) return
    // acknowledged entries are in a removed write-ahead log, from which they can still be copied into the database
    if (connection && this.#files.canBeSaved()) connection.database.exec("PRAGMA wal_checkpoint(PASSIVE)")
    throw new Error(
      `the file ${missing} was removed or replaced while the log was open. Restart the processes that use the log`,
    )
  }

  /** Begins a transaction. Waits for locks in short random steps, so that the writers of all processes get their turns. */
  #begin(sql: WriterSql): void {
    const deadline = performance.now() + this.#options.timeout
    for (;;) {
      try {
        sql.begin.run()
        return
      } catch (error) {
        if (!isBusy(failureOf(error)) || performance.now() > deadline) throw error
      }
      sleep(0.2 + Math.random() * 2)
    }
  }

  /** Rolls back and closes the connection. The next transaction opens another one, because a failed one can be unusable. */
  #abandon(): void {
    const connection = this.#connection
    this.#connection = undefined
    for (const undo of [
      () => connection?.sql.rollback.run(),
      () => connection?.witness.close(),
      () => connection?.database.close(),
    ]) {
      try {
        undo()
      } catch {
        // SQLite has already rolled back or closed; the caller reports the first failure
      }
    }
  }

  #store(connection: Connection, { moment, columns }: AppendCall): Stored {
    const { log } = connection.counters
    const time = Math.max(log.time, moment.wall)
    const previous = log.last
    this.#present = this.#read(connection, moment)
    this.#budget += columns.length / WIDTH
    // entries that earlier calls of this commit displaced are removed first, as if those calls had been committed before; with
    // limits of the log and of topics, the result depends on when they are applied
    if (hasNames(columns) || hasTopicLimits(this.#limits)) this.#applyLimits(connection)
    const sequences: number[] = []
    for (let at = 0; at < columns.length; at += WIDTH) sequences.push(this.#storeMessage(connection, columns, at, time))
    if (log.last > previous) log.time = time
    return { sequences, previous, time }
  }

  #read({ counters: { log }, sql }: Connection, moment: Moment): number {
    return this.#ages.read(moment, {
      count: log.count,
      newest: log.time,
      oldest: () => sql.oldest.get(1)?.["time"] as number,
    })
  }

  #storeMessage({ sql, counters }: Connection, columns: readonly Column[], at: number, time: number): number {
    const topicName = columns[at] as string
    const data = columns[at + 1] as string
    const event = columns[at + 2] as string | null
    const id = columns[at + 3] as string | null
    const key = columns[at + 4] as string | null
    const retry = columns[at + 5] as number | null
    const topic = counters.topicNamed(topicName)
    const same =
      topic.count > 0 &&
      ((id !== null && sql.findId.get(id, topic.id)) || (key !== null && sql.findKey.get(key, topic.id)))
    if (same) return same["sequence"] as number
    const size = sizeOf(topicName, data, event, id, key)
    const sequence = counters.added(topic, size)
    sql.insert.run(sequence, topic.id, time, size, event, id, key, retry, data)
    return sequence
  }

  /** Removes entries over the limits, oldest first, at most as many as the budget. */
  #applyLimits(connection: Connection): void {
    const { counters, sql } = connection
    const { log } = counters
    const { count, bytes, age } = this.#limits
    // topics first, because that can bring the log below its own limits
    if (hasTopicLimits(this.#limits)) for (const topic of counters.touched) this.#trimTopic(connection, topic)
    const isOver = (time: number): boolean => log.count > count || log.bytes > bytes || time < this.#present - age
    const mayBeOver = (): boolean => log.count > 0 && (age < Infinity || isOver(this.#present))
    for (let page = 1; this.#budget > 0 && mayBeOver(); page = Math.min(page * 4, 1024)) {
      let upTo = 0
      for (const row of sql.oldest.all(Math.max(page, Math.min(log.count - count, this.#budget)))) {
        if (this.#budget <= 0 || !isOver(row["time"] as number)) break
        upTo = row["sequence"] as number
        this.#budget -= 1
        counters.removed(counters.topicWithId(row["topic"] as number), upTo, row["size"] as number)
      }
      if (upTo === 0) break
      sql.deleteUpTo.run(upTo)
    }
    if (this.#budget <= 0) this.isBehind = true
  }

  #trimTopic({ counters, sql }: Connection, topic: Topic): void {
    const { topicCount, topicBytes } = this.#limits
    const isOver = (): boolean => topic.count > topicCount || topic.bytes > topicBytes
    if (!isOver()) return
    // the kept entries of a topic are after its newest removed one, and not before the oldest entry of the log
    const oldest = sql.oldest.get(1)?.["sequence"] as number
    let segment = segmentOf(Math.max(topic.trimmed + 1, oldest))
    const end = segmentOf(counters.log.last)
    for (let page = 1; this.#budget > 0 && isOver() && segment <= end; page = Math.min(page * 4, 1024)) {
      const rows = sql.oldestOfTopic.all(
        segment,
        topic.id,
        Math.max(page, Math.min(topic.count - topicCount, this.#budget)),
      )
      let upTo = 0
      for (const row of rows) {
        if (this.#budget <= 0 || !isOver()) break
        upTo = row["sequence"] as number
        this.#budget -= 1
        counters.removed(topic, upTo, row["size"] as number)
      }
      if (upTo > 0) sql.deleteOfTopic.run(segment, topic.id, upTo)
      else segment += 1
    }
  }
}

const hasTopicLimits = ({ topicCount, topicBytes }: Limits): boolean => topicCount < Infinity || topicBytes < Infinity

/** True when any message has an id or an idempotency key. */
function hasNames(columns: readonly Column[]): boolean {
  for (let at = 0; at < columns.length; at += WIDTH) {
    if (columns[at + 3] !== null || columns[at + 4] !== null) return true
  }
  return false
}
