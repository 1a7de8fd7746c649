import type { OnwardError } from "../../errors.ts"
import type { Appended } from "../log.ts"
import { createSequenceWaiters } from "./sequence-waiters.ts"
import type { NatsConnection } from "./connection.ts"
import { isSilent, scan, startConsumer, type Consumer } from "./consumer.ts"
import type { JetStream } from "./jetstream.ts"
import type { StreamRecord } from "./record.ts"
import { Replica } from "./replica.ts"
import { createRecordFilter, type Noted } from "./record-filter.ts"

/** How long the consumer may receive nothing while it is behind the stream, in milliseconds, before it counts as stuck. */
const STUCK = 1000

export interface FeedOptions {
  readonly connection: NatsConnection
  readonly jetstream: JetStream
  readonly inboxPrefix: string
  /** How long a call waits, in milliseconds. */
  readonly timeout: number
  /** Called with each batch. Returns true for a batch of this process. */
  readonly onBatch: (writer: string, number: number, appended: readonly Appended[]) => boolean
  /** Called after a batch of this process, with `replica.written` before the batch. */
  readonly onOwnBatch: (replica: Replica, writtenBefore: number) => void
  /** Called when there are new entries. */
  readonly onEntries: () => void
  /** Called when the feed has stopped because the replica cannot continue from this consumer. */
  readonly onEnd: (error?: Error) => void
  /** The reason why no record can arrive. Undefined while records can arrive. */
  readonly failure: () => OnwardError | undefined
  /** The error when an expected record has not arrived in time. */
  readonly lateError: () => OnwardError
}

/** Delivers the records of the stream to a replica: in order, each once, complete. */
export interface Feed {
  /** The replica that receives the records. */
  readonly replica: Replica
  /** When the newest applied record was stored, in nanoseconds since 1970. Undefined for a replica restored from a snapshot. */
  readonly stamp: string | undefined
  readonly isRunning: boolean
  /** Whether the consumer has been silent for so long that the server has removed it. */
  readonly isSilent: boolean
  /** Replaces the replica by a new one. */
  renew(): Replica
  /** Starts a consumer after the newest applied record. Resolves when the replica has reached `last`, without a timeout while records arrive. */
  start(last: number): Promise<void>
  /** Resolves when the replica has applied this sequence number of the stream. */
  reach(sequence: number): Promise<void>
  /** Calls `take` with the records of a subject as they are stored, from `from` to the newest one, of which there must be one. */
  scan(subject: string, from: number, take: (record: StreamRecord) => void): Promise<void>
  /** Stops until the next `start`. */
  stop(): void
  /** Stops forever. */
  close(): void
}

export function createFeed(options: FeedOptions): Feed {
  const { connection, jetstream, timeout, onBatch, onOwnBatch, onEntries, onEnd, failure, lateError } = options
  const waiters = createSequenceWaiters()
  let replica = createReplica()
  let consumer: Consumer | undefined
  let stamp: string | undefined
  let isOwn = false
  let isClosed = false
  let noted: Noted = new Map()
  /** Counts the records that arrived, those that are not applied included. */
  let arrived = 0
  /** Counts attempts to start a consumer, and stops. */
  let attempts = 0

  const newInbox = (): string => `${options.inboxPrefix}.${crypto.randomUUID()}`

  function createReplica(): Replica {
    return new Replica((writer, number, appended) => {
      isOwn = onBatch(writer, number, appended)
    })
  }

  async function attach(): Promise<void> {
    consumer?.stop()
    const attempt = ++attempts
    const mine = replica
    let isDropped = false
    const drop = (end: () => void): void => {
      if (isDropped || mine !== replica) return
      isDropped = true
      end()
    }
    const checkRecord = createRecordFilter({
      ...{ jetstream, noted },
      take(record, at) {
        if (isDropped || mine !== replica) return
        stamp = at
        take(record)
      },
      // the record was purged, and a snapshot contains it
      onMissing: () => drop(endReplica),
      onMany: () => drop(() => void attach().catch(onEnd)),
      onFailure: () => drop(onEnd),
    })
    let newest = mine.at
    const next = await startConsumer({
      ...{ connection, jetstream, inbox: newInbox(), from: mine.at + 1, onEnd },
      take(record, at, isNewest) {
        arrived++
        if (isDropped || mine !== replica) return
        if (record.sequence !== newest + 1) return drop(endReplica)
        newest = record.sequence
        checkRecord(record, at, isNewest)
      },
    })
    if (isClosed || isDropped || attempt !== attempts) next.stop()
    else consumer = next
  }

  function take(record: StreamRecord): void {
    const { written, kept } = replica
    const { last, epoch } = kept
    isOwn = false
    replica.apply(record)
    if (replica.isOver) return endReplica()
    waiters.reached(record.sequence)
    if (isOwn) onOwnBatch(replica, written)
    if (kept.last !== last || kept.epoch !== epoch) onEntries()
  }

  /** Marks the replica as unusable: a new one is needed. */
  function endReplica(): void {
    replica.isOver = true
    onEnd()
  }

  async function reach(sequence: number, wait = timeout): Promise<void> {
    const deadline = performance.now() + wait
    let seen = arrived
    let since = performance.now()
    while (replica.at < sequence) {
      const reason = failure()
      if (reason) throw reason
      if (!consumer || performance.now() > deadline) throw lateError()
      // no record arrived in this time, so the server has removed the consumer
      if (arrived === seen && performance.now() - since > STUCK) {
        onEnd()
        throw lateError()
      }
      if (arrived !== seen) since = performance.now()
      seen = arrived
      await waiters.wait(sequence, STUCK)
    }
  }

  function stop(): void {
    attempts++
    consumer?.stop()
    consumer = undefined
    waiters.releaseAll()
  }

  return {
    get replica() {
      return replica
    },
    get stamp() {
      return stamp
    },
    get isRunning() {
      return consumer !== undefined
    },
    get isSilent() {
      return consumer !== undefined && isSilent(consumer)
    },
    renew() {
      stamp = undefined
      noted = new Map()
      replica = createReplica()
      return replica
    },
    async start(last) {
      await attach()
      // a long log takes longer to read than the timeout of a call
      await reach(last, Infinity)
    },
    reach: (sequence) => reach(sequence),
    scan: (subject, from, take) => scan({ connection, jetstream, inbox: newInbox(), timeout, subject, from, take }),
    stop,
    close() {
      isClosed = true
      stop()
    },
  }
}
