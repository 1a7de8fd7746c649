import type { OnwardError } from "../../errors.ts"
import type { Appended } from "../log.ts"
import { createSequenceWaiters } from "./sequence-waiters.ts"
import type { NatsConnection } from "./connection.ts"
import { follow, isSilent, type Follower } from "./follower.ts"
import type { JetStream } from "./jetstream.ts"
import type { StreamRecord } from "./record.ts"
import { Replica } from "./replica.ts"
import { createSieve } from "./sieve.ts"

/** How long the follower may be behind what the stream says it has, in milliseconds, before it is thought to be stuck. */
const STUCK = 1000

export interface FeedOptions {
  readonly connection: NatsConnection
  readonly jetstream: JetStream
  readonly inboxPrefix: string
  /** How long a call waits, in milliseconds. */
  readonly timeout: number
  /** Told of each batch; true when it is one of this process. */
  readonly onBatch: (writer: string, number: number, appended: readonly Appended[]) => boolean
  /** Called after a batch of this process, with what the stream had taken before. */
  readonly onOwn: (replica: Replica, before: number) => void
  /** Called when there is more to read. */
  readonly onNews: () => void
  /** The stream cannot be followed as it was: the feed has stopped. */
  readonly onEnd: (error?: Error) => void
  /** Why nothing can come; undefined while it can. */
  readonly gone: () => OnwardError | undefined
  /** What to reject with when something should have come, and has not. */
  readonly away: () => OnwardError
}

/** Brings the stream's records to a replica, in order, each once and whole. */
export interface Feed {
  /** The one that records go to. */
  readonly replica: Replica
  /** When the record was stored that the replica is at, in nanoseconds since 1970; undefined for one made of a snapshot. */
  readonly stamp: string | undefined
  readonly isOn: boolean
  /** Whether nothing was heard for so long that the server must have forgotten it. */
  readonly isSilent: boolean
  /** Makes a new replica, for what is to follow. */
  renew(): Replica
  /** Follows from where the replica is, and resolves once it has come to `last`, however long that takes while it moves. */
  follow(last: number): Promise<void>
  /** Resolves once the replica has come to this place in the stream. */
  reach(sequence: number): Promise<void>
  /** Stops until it is followed again. */
  stop(): void
  /** Stops for good. */
  close(): void
}

export function createFeed(options: FeedOptions): Feed {
  const { connection, jetstream, timeout, onBatch, onOwn, onNews, onEnd, gone, away } = options
  const arrivals = createSequenceWaiters()
  let replica = createReplica()
  let follower: Follower | undefined
  let stamp: string | undefined
  let isOwn = false
  let isClosed = false

  function createReplica(): Replica {
    return new Replica((writer, number, appended) => {
      isOwn = onBatch(writer, number, appended)
    })
  }

  async function attach(): Promise<void> {
    follower?.stop()
    const inbox = `${options.inboxPrefix}.${crypto.randomUUID()}`
    const mine = replica
    let isDropped = false
    const drop = (end: () => void): void => {
      if (isDropped || mine !== replica) return
      isDropped = true
      end()
    }
    const inOrder = createSieve({
      jetstream,
      take(record, at) {
        if (isDropped || mine !== replica) return
        stamp = at
        take(record)
      },
      // what was purged is gone for good, and a snapshot has it
      onMissing: () => drop(forget),
      onFailure: () => drop(onEnd),
    })
    let newest = mine.at
    const next = await follow({
      ...{ connection, jetstream, inbox, from: mine.at + 1, fail: onEnd },
      take(record, at) {
        if (isDropped || mine !== replica) return
        if (record.sequence !== newest + 1) return drop(forget)
        newest = record.sequence
        inOrder(record, at)
      },
    })
    if (isClosed || isDropped) next.stop()
    else follower = next
  }

  function take(record: StreamRecord): void {
    const { written, kept } = replica
    const { last, epoch } = kept
    isOwn = false
    replica.apply(record)
    if (replica.isOver) return forget()
    arrivals.reached(record.sequence)
    if (isOwn) onOwn(replica, written)
    if (kept.last !== last || kept.epoch !== epoch) onNews()
  }

  /** The replica cannot be carried on: a new one is needed. */
  function forget(): void {
    replica.isOver = true
    onEnd()
  }

  async function reach(sequence: number, wait = timeout): Promise<void> {
    const deadline = performance.now() + wait
    let seen = replica.at
    let since = performance.now()
    while (replica.at < sequence) {
      const why = gone()
      if (why) throw why
      if (!follower || performance.now() > deadline) throw away()
      // nothing came in all this time, though it should have: the consumer must be gone
      if (replica.at === seen && performance.now() - since > STUCK) {
        onEnd()
        throw away()
      }
      if (replica.at !== seen) since = performance.now()
      seen = replica.at
      await arrivals.wait(sequence, STUCK)
    }
  }

  function stop(): void {
    follower?.stop()
    follower = undefined
    arrivals.releaseAll()
  }

  return {
    get replica() {
      return replica
    },
    get stamp() {
      return stamp
    },
    get isOn() {
      return follower !== undefined
    },
    get isSilent() {
      return follower !== undefined && isSilent(follower)
    },
    renew() {
      stamp = undefined
      replica = createReplica()
      return replica
    },
    async follow(last) {
      await attach()
      // a long log takes longer to read than a call may wait; what counts is that it moves
      await reach(last, Infinity)
    },
    reach: (sequence) => reach(sequence),
    stop,
    close() {
      isClosed = true
      stop()
    },
  }
}
