import { systemClock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import type { Appended } from "../log.ts"
import { createEpoch } from "../position.ts"
import type { Limits } from "../retention.ts"
import { createArrivals } from "./arrivals.ts"
import type { NatsConnection } from "./connection.ts"
import { isPassing, isUnheard, JetStreamError, NOT_FOUND, toOnwardError } from "./failure.ts"
import { follow, isSilent, type Follower } from "./follower.ts"
import { nanosecondsOf, type JetStream, type StreamInfo } from "./jetstream.ts"
import { watchPresence } from "./presence.ts"
import { encodeJson, retentionOf, type Kind, type StreamRecord } from "./record.ts"
import { Replica } from "./replica.ts"
import { unseal } from "./seal.ts"
import { createSummer, readSnapshot, writeSnapshot } from "./snapshot.ts"

/** Pause before what failed is tried again, in milliseconds. */
const AGAIN = 100
/** The pause grows to so much while nothing helps, in milliseconds. */
const LONGEST_PAUSE = 2000
/** Longest wait for one answer, in milliseconds: an election loses questions, and takes seconds. */
const ONE_ANSWER = 2000
/** How long the follower may be behind what the stream says it has, in milliseconds, before it is thought to be stuck. */
const STUCK = 1000
export interface SessionOptions {
  readonly connection: NatsConnection
  readonly jetstream: JetStream
  readonly stream: string
  readonly openStream: () => Promise<StreamInfo>
  readonly limits: Limits
  readonly timeout: number
  readonly inboxPrefix: string
  readonly maxPayload: () => number
  readonly onBatch: (writer: string, number: number, appended: readonly Appended[]) => boolean
  /** Called when there may be more to read. */
  readonly onNews: () => void
}

/** A replica that is kept up with its stream, whatever happens to the connection, the server and the stream. */
export interface Session {
  /** The replica as it is; call `sync` before, to see what others have stored. */
  readonly replica: Replica
  /** Resolves once the log is open and followed. */
  ready(): Promise<void>
  /** Resolves once everything that was in the stream at the time of the call is in the replica. */
  sync(): Promise<void>
  /** Stores a record; what may pass is tried again until `deadline`. */
  readonly store: (kind: Kind, data: Uint8Array, deadline: number, isOver?: () => boolean) => Promise<number>
  /** Resolves once the replica has come to this place in the stream. */
  reach(sequence: number): Promise<void>
  close(): void
}

export function createSession(options: SessionOptions): Session {
  const { connection, jetstream, stream, limits, timeout, maxPayload, onBatch, onNews } = options
  const subjectOf = (kind: Kind): string => `${stream}.${kind}`
  /** The one that records go to, and the one that answers: the same, but while a new one is being made. */
  let replica = createReplica()
  let shown = replica
  let follower: Follower | undefined
  /** Which stream of this name it is: when it was created, and the time of the record the replica is at. */
  let created: string | undefined
  let stamp: string | undefined
  /** The record that came damaged last, and the one that is so in the stream, for everybody. */
  let doubted: number | undefined
  let believed: number | undefined
  let opening: Promise<void> | undefined
  /** Settles when the newest try to open has ended: never are there two at once. */
  let lastTry: Promise<unknown> = Promise.resolve()
  let isOpening = false
  let delay = AGAIN
  let failure: unknown
  let isClosed = false
  let wasOpen = false
  let isOurs = false
  const sumUp = createSummer(jetstream, subjectOf, { maxPayload, timeout })
  const arrivals = createArrivals()
  let retry: (() => void) | undefined
  let syncing: Promise<void> | undefined
  let nextSync: Promise<void> | undefined

  const presence = watchPresence(connection, stream, { onLeave: () => lose(), onReturn: () => again(0) })
  const { whileHere, away } = presence
  const pulse = setInterval(() => {
    if (follower && isSilent(follower)) lose()
  }, 1000)
  ;(pulse as { unref?(): void }).unref?.()

  function createReplica(): Replica {
    return new Replica((writer, number, appended) => {
      isOurs = onBatch(writer, number, appended)
    })
  }

  function ready(): Promise<void> {
    if (presence.isAway) return Promise.reject(away())
    if (opening) return opening
    const mine = lastTry.then(open).catch((error: unknown) => {
      const why = failure ?? error
      if (opening === mine) lose()
      throw toOnwardError(stream, why)
    })
    lastTry = mine.catch(() => {})
    opening = mine
    return mine
  }

  /** The follower is gone: the next call, or the next try, opens it again. */
  function lose(error?: Error): void {
    follower?.stop()
    follower = undefined
    opening = undefined
    failure = error
    arrivals.stir()
    if (!presence.isAway) again(delay)
    delay = Math.min(delay * 2, LONGEST_PAUSE)
  }

  function again(after: number): void {
    retry?.()
    if (isClosed || !wasOpen) return
    retry = systemClock.after(after, () => {
      if (presence.isAway || opening || isClosed) return
      ready().catch(() => {})
    })
  }

  async function open(): Promise<void> {
    isOpening = true
    try {
      const info = await options.openStream()
      if (replica.settings && (await isStillThere(info))) await followFrom(info)
      else await load(info)
    } finally {
      isOpening = false
    }
    if (!follower) throw away()
    failure = undefined
    delay = AGAIN
    shown = replica
    if (wasOpen) onNews()
    wasOpen = true
  }

  /** True when the stream is the one the replica was made of, and still holds the record it is at. */
  async function isStillThere(info: StreamInfo): Promise<boolean> {
    if (replica.isOver || info.created !== created || info.state.first_seq > replica.at) return false
    const newest = await jetstream.get({ seq: replica.at })
    return newest !== undefined && (stamp === undefined || nanosecondsOf(newest.time) === BigInt(stamp))
  }

  /** A new leader may not know yet all that was agreed on: only what is still missing after a while is lost. */
  async function isRolledBack(info: StreamInfo): Promise<boolean> {
    if (info.created !== created) return false
    for (let tries = 0; ; tries++) {
      const { first_seq, last_seq } = (await jetstream.info()).state
      if (first_seq > replica.at) return false
      if (last_seq >= replica.at || tries === 5) return !(await isStillThere(info))
      await pause(AGAIN * 2)
    }
  }

  async function load(info: StreamInfo): Promise<void> {
    const before = replica.settings && !replica.isOver ? replica.kept.epoch : undefined
    const isFenced = before !== undefined && (await isRolledBack(info))
    if (before !== undefined && !isFenced && (await isStillThere(info))) return followFrom(info)

    replica = createReplica()
    stamp = undefined
    if (!(await readSnapshot(jetstream, subjectOf("snapshot"), info.state.first_seq, replica))) {
      if (info.state.first_seq > 1) await bear(info.state.last_seq)
    }
    created = info.created
    await followFrom(info)

    const settings = { epoch: createEpoch(), retention: retentionOf(limits) }
    const isOther = JSON.stringify(replica.settings?.retention) !== JSON.stringify(settings.retention)
    // whoever comes later and wants other limits decides; who only comes back does not
    if (!replica.settings || (!wasOpen && isOther)) await record("settings", settings)
    if (isFenced && replica.kept.epoch === before) await record("epoch", { epoch: createEpoch() })
  }

  /** Begins the log anew in a stream that somebody has emptied. */
  async function bear(at: number): Promise<void> {
    const settings = { epoch: createEpoch(), retention: retentionOf(limits) }
    const nothing = { last: 0, time: 0, newestRemoved: 0, floor: 0, marks: [], topics: [], writers: [] }
    const how = { chunkSize: maxPayload(), timeout, isBirth: true }
    await writeSnapshot(jetstream, subjectOf, { ...nothing, epoch: settings.epoch, settings, at }, [], how)
    replica = createReplica()
    const { state } = await jetstream.info()
    if (await readSnapshot(jetstream, subjectOf("snapshot"), state.first_seq, replica)) return
    throw new OnwardError("log_unavailable", `log ${stream}: the stream is being emptied: try again`)
  }

  async function record(kind: Kind, value: object): Promise<void> {
    await reach(await store(kind, encodeJson(value), performance.now() + timeout))
  }

  /** Follows from where the replica is, and resolves once it has come to where the stream was. */
  async function followFrom(info: StreamInfo): Promise<void> {
    for (;;) {
      const before = doubted
      await attach()
      try {
        // a long log takes longer to read than a call may wait; what counts is that it moves
        return await reach(info.state.last_seq, Infinity)
      } catch (error) {
        if (doubted === before) throw error
      }
    }
  }

  async function attach(): Promise<void> {
    follower?.stop()
    if (doubted === replica.at + 1 && (await isDamaged(doubted))) believed = doubted
    const inbox = `${options.inboxPrefix}.${crypto.randomUUID()}`
    const mine = replica
    let isDropped = false
    const next = await follow({
      ...{ connection, jetstream, inbox, from: replica.at + 1, fail: lose },
      take(record, at) {
        if (isDropped || mine !== replica) return
        // what was purged is gone for good, and a snapshot has it
        if (record.sequence !== replica.at + 1) return forget()
        const data = unseal(record.data)
        if (!data && record.sequence !== believed) {
          isDropped = true
          return doubt(record.sequence)
        }
        stamp = at
        take(data ? { ...record, data } : { ...record, kind: "chunk" })
      },
    })
    if (isClosed || isDropped) next.stop()
    else follower = next
  }

  function take(record: StreamRecord): void {
    const { written, kept } = replica
    const { last, epoch } = kept
    isOurs = false
    replica.apply(record)
    if (replica.isOver) return forget()
    arrivals.tell(record.sequence)
    if (isOurs) sumUp(replica, written)
    if (kept.last !== last || kept.epoch !== epoch) onNews()
  }

  /** Damaged on its way, or so in the stream: following again finds out. */
  function doubt(sequence: number): void {
    doubted = sequence
    follower?.stop()
    follower = undefined
    arrivals.stir()
    if (isOpening) return
    opening = undefined
    ready().catch(() => {})
  }

  async function isDamaged(sequence: number): Promise<boolean> {
    const found = await jetstream.get({ seq: sequence })
    return found !== undefined && found.data === undefined
  }

  /** The replica cannot be carried on: a new one is needed. */
  function forget(): void {
    replica.isOver = true
    lose()
  }

  async function reach(sequence: number, wait = timeout): Promise<void> {
    const deadline = performance.now() + wait
    let seen = replica.at
    let since = performance.now()
    while (replica.at < sequence) {
      if (failure !== undefined) throw toOnwardError(stream, failure)
      if (presence.isAway || isClosed || !follower || performance.now() > deadline) throw away()
      // nothing came in all this time, though it should have: the consumer must be gone
      if (replica.at === seen && performance.now() - since > STUCK) {
        lose()
        throw away()
      }
      if (replica.at !== seen) since = performance.now()
      seen = replica.at
      await arrivals.wait(sequence, STUCK)
    }
  }

  /** One question answers all who ask while the one before is on its way. */
  function sync(): Promise<void> {
    nextSync ??= (syncing ?? Promise.resolve()).then(runSync, runSync)
    return nextSync
  }

  function runSync(): Promise<void> {
    syncing = nextSync
    nextSync = undefined
    return ask()
  }

  async function ask(): Promise<void> {
    const deadline = performance.now() + timeout
    for (;;) {
      try {
        await ready()
        const { at } = replica
        const { created: which, state } = await whileHere(jetstream.info())
        // a stream that has nothing left, not even the newest, was emptied by somebody
        const isEmptied = at > 0 && state.last_seq === at && state.first_seq > at
        if (which !== created || state.last_seq < at || isEmptied) {
          lose()
          continue
        }
        return await reach(state.last_seq)
      } catch (error) {
        if (error instanceof JetStreamError && error.status === NOT_FOUND) lose()
        const isHopeless = presence.isAway || performance.now() > deadline
        const mayPass =
          isPassing(error) ||
          opening === undefined ||
          (error instanceof OnwardError && error.code === "log_unavailable")
        if (isHopeless || !mayPass || isClosed) throw toOnwardError(stream, error)
        await pause(AGAIN)
      }
    }
  }

  async function store(kind: Kind, data: Uint8Array, deadline: number, isOver = () => false): Promise<number> {
    for (;;) {
      if (presence.isAway) throw away()
      try {
        const left = Math.min(deadline - performance.now(), ONE_ANSWER)
        return await whileHere(jetstream.store(subjectOf(kind), data, Math.max(left, 1)))
      } catch (error) {
        if (isOver()) return 0
        if (!isPassing(error) || performance.now() + AGAIN > deadline) throw toOnwardError(stream, error)
        // nobody takes it: the stream may be gone, which opening it again finds out
        if (isUnheard(error)) lose()
        await pause(AGAIN)
        await ready().catch(() => {})
      }
    }
  }

  return {
    get replica() {
      return shown
    },
    ...{ ready, sync, store, reach },
    close() {
      isClosed = true
      clearInterval(pulse)
      retry?.()
      follower?.stop()
      presence.stop()
    },
  }
}

const pause = (delay: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, delay))
