import { systemClock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import type { Appended } from "../log.ts"
import { createEpoch } from "../position.ts"
import type { Limits } from "../retention.ts"
import type { NatsConnection } from "./connection.ts"
import { isPassing, isUnheard, JetStreamError, NOT_FOUND, toOnwardError } from "./failure.ts"
import { follow, isSilent, type Follower } from "./follower.ts"
import { nanosecondsOf, type JetStream, type StreamInfo } from "./jetstream.ts"
import { encodeJson, retentionOf, type Kind } from "./record.ts"
import { Replica } from "./replica.ts"
import { readSnapshot, writeSnapshot } from "./snapshot.ts"

/** Pause before what failed is tried again, in milliseconds. */
const AGAIN = 100
/** The pause grows to so much while nothing helps, in milliseconds. */
const LONGEST_PAUSE = 2000
/** Longest wait for one answer, in milliseconds: an election loses questions, and takes seconds. */
const ONE_ANSWER = 2000
/** How long the follower may be behind what the stream says it has, in milliseconds, before it is thought to be stuck. */
const STUCK = 1000
/** Least that the stream takes before it is summed up, in bytes. */
const LEAST_GARBAGE = 8 * 1024 * 1024

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
  let replica = createReplica()
  let follower: Follower | undefined
  /** Which stream of this name it is: when it was created, and the time of the record the replica is at. */
  let created: string | undefined
  let stamp: string | undefined
  let opening: Promise<void> | undefined
  /** Settles when the newest try to open has ended: never are there two at once. */
  let lastTry: Promise<unknown> = Promise.resolve()
  let delay = AGAIN
  let failure: unknown
  let isAway = false
  let isClosed = false
  let wasOpen = false
  let isOurs = false
  let isSummingUp = false
  let waiting: { readonly sequence: number; readonly resolve: () => void }[] = []
  let retry: (() => void) | undefined
  let syncing: Promise<void> | undefined
  let nextSync: Promise<void> | undefined

  /** What to call when the connection goes down: a client would wait for answers until it is back. */
  const leaving = new Set<() => void>()
  const statuses = connection.status()
  void watchConnection()
  const pulse = setInterval(() => {
    if (follower && isSilent(follower)) lose()
  }, 1000)
  ;(pulse as { unref?(): void }).unref?.()

  function createReplica(): Replica {
    return new Replica((writer, number, appended) => {
      isOurs = onBatch(writer, number, appended)
    })
  }

  async function watchConnection(): Promise<void> {
    for await (const { type } of statuses) {
      if (isClosed) return
      if (type === "disconnect") {
        isAway = true
        lose()
        for (const leave of leaving) leave()
      } else if (type === "reconnect") {
        isAway = false
        again(0)
      }
    }
  }

  const away = (): OnwardError =>
    new OnwardError(
      "log_unavailable",
      connection.isClosed()
        ? `log ${stream}: the connection is closed: give natsLog one that stays open (\`maxReconnectAttempts: -1\`)`
        : `log ${stream}: NATS is away; the log carries on once it is back`,
    )

  /** Settles like `answer`, or rejects when the connection goes down before. */
  function whileHere<Answer>(answer: Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const leave = (): void => reject(away())
      leaving.add(leave)
      answer.then(resolve, reject).finally(() => leaving.delete(leave))
    })
  }

  function ready(): Promise<void> {
    if (isAway || connection.isClosed()) return Promise.reject(away())
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
    if (!isAway) again(delay)
    delay = Math.min(delay * 2, LONGEST_PAUSE)
  }

  function again(after: number): void {
    retry?.()
    if (isClosed || !wasOpen) return
    retry = systemClock.after(after, () => {
      if (isAway || opening || isClosed) return
      ready().then(onNews, () => {})
    })
  }

  async function open(): Promise<void> {
    const info = await options.openStream()
    if (replica.settings && (await isStillThere(info))) await followFrom(info)
    else await load(info)
    failure = undefined
    delay = AGAIN
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

  async function followFrom(info: StreamInfo): Promise<void> {
    follower?.stop()
    const inbox = `${options.inboxPrefix}.${crypto.randomUUID()}`
    const mine = replica
    follower = await follow({
      ...{ connection, jetstream, inbox, from: replica.at + 1, fail: lose },
      take(record, at) {
        if (mine !== replica) return
        // what was purged is gone for good, and a snapshot has it
        if (record.sequence !== replica.at + 1) return forget()
        const written = replica.written
        isOurs = false
        replica.apply(record)
        stamp = at
        if (replica.isOver) return forget()
        if (waiting.length > 0) settle()
        if (isOurs) considerSummingUp(written)
        onNews()
      },
    })
    // a long log takes longer to read than a call may wait; what counts is that it moves
    await reach(info.state.last_seq, Infinity)
  }

  /** The replica cannot be carried on: a new one is needed. */
  function forget(): void {
    replica.isOver = true
    lose()
  }

  function settle(): void {
    const { at } = replica
    for (const { sequence, resolve } of waiting) if (sequence <= at) resolve()
    waiting = waiting.filter(({ sequence }) => sequence > at)
  }

  async function reach(sequence: number, wait = timeout): Promise<void> {
    const deadline = performance.now() + wait
    let seen = replica.at
    while (replica.at < sequence) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, STUCK)
        waiting.push({
          sequence,
          resolve() {
            clearTimeout(timer)
            resolve()
          },
        })
      })
      if (replica.at >= sequence) return
      if (failure !== undefined) throw toOnwardError(stream, failure)
      if (isAway || isClosed || !follower || performance.now() > deadline) throw away()
      // nothing came in all this time: the consumer must be gone
      if (replica.at === seen) {
        lose()
        throw away()
      }
      seen = replica.at
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
        const isHopeless = isAway || connection.isClosed() || performance.now() > deadline
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
      if (isAway) throw away()
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

  /**
   * The process whose batch makes the stream too long sums it up; if it does not live to, the one whose batch makes it
   * another quarter too long.
   */
  function considerSummingUp(before: number): void {
    const enough = Math.max(LEAST_GARBAGE, replica.kept.size * 2)
    const quarters = (written: number): number => Math.floor((written - enough) / (enough / 4))
    if (isSummingUp || replica.written < enough || quarters(before) === quarters(replica.written)) return
    const state = replica.state()
    if (!state) return
    isSummingUp = true
    writeSnapshot(jetstream, subjectOf, state, replica.kept.entries(), { chunkSize: maxPayload(), timeout })
      // the next quarter tries again
      .catch(() => {})
      .finally(() => (isSummingUp = false))
  }

  return {
    get replica() {
      return replica
    },
    ...{ ready, sync, store, reach },
    close() {
      isClosed = true
      clearInterval(pulse)
      retry?.()
      follower?.stop()
      ;(statuses as { stop?(): void }).stop?.()
    },
  }
}

const pause = (delay: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, delay))
