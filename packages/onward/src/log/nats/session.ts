import { systemClock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import type { Appended } from "../log.ts"
import type { Limits } from "../driver/retention.ts"
import type { NatsConnection } from "./connection.ts"
import { hasNoResponder, isRetryable, JetStreamError, NOT_FOUND, toOnwardError } from "./failure.ts"
import { createFeed } from "./feed.ts"
import type { JetStream, StreamInfo } from "./jetstream.ts"
import { monitorConnection } from "./connection-monitor.ts"
import { encodeJson, type Kind } from "./record.ts"
import { createRecovery } from "./recovery.ts"
import type { Replica } from "./replica.ts"
import { createCompactor, writeSnapshot } from "./snapshot.ts"

/** Pause before a retry, in milliseconds. */
const RETRY_PAUSE = 100
/** The pause grows up to this value while retries fail, in milliseconds. */
const MAX_PAUSE = 2000
/** Maximum wait for one response, in milliseconds: requests are lost during an election, which takes seconds. */
const RESPONSE_TIMEOUT = 2000
/** How often the session checks whether the server still sends heartbeats, in milliseconds. */
const CHECK_INTERVAL = 1000

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
  readonly onEntries: () => void
}

/** Keeps a replica up to date with its stream, through failures of the connection, the server and the stream. */
export interface Session {
  /** The current replica. Call `sync` before, to include what other processes have stored. */
  readonly replica: Replica
  /** Resolves when the log is open and its feed runs. */
  ready(): Promise<void>
  /** Resolves when the replica has applied all records that were in the stream at the time of the call. */
  sync(): Promise<void>
  /** Stores a record. Retries failures that can pass, until `deadline`. */
  readonly store: (kind: Kind, data: Uint8Array, deadline: number, isOver?: () => boolean) => Promise<number>
  /** Resolves when the replica has applied this sequence number of the stream. */
  reach(sequence: number): Promise<void>
  /**
   * Writes what is kept into the stream, and removes from the stream what lies before it, so that the stream holds no removed entry. Calls
   * that come while one is under way share the next.
   */
  compact(): Promise<void>
  close(): void
}

export function createSession(options: SessionOptions): Session {
  const { connection, jetstream, stream, limits, timeout, inboxPrefix, maxPayload, onBatch, onEntries } = options
  const subjectOf = (kind: Kind): string => `${stream}.${kind}`
  let opening: Promise<void> | undefined
  /** Settles when the newest attempt to open has ended. There is never more than one attempt at a time. */
  let lastAttempt: Promise<unknown> = Promise.resolve()
  let wasOpen = false
  let isClosed = false
  let delay = RETRY_PAUSE
  let failure: unknown
  let cancelRetry: (() => void) | undefined
  let syncing: Promise<void> | undefined
  let nextSync: Promise<void> | undefined
  let compacting: Promise<void> = Promise.resolve()
  let nextCompact: Promise<void> | undefined

  const monitor = monitorConnection(connection, stream, {
    onDisconnect: () => stopFeed(),
    onReconnect: () => reopenAfter(0),
  })
  const { whileUp, downError } = monitor
  const feed = createFeed({
    ...{ connection, jetstream, inboxPrefix, timeout, onBatch, onEntries, lateError: downError },
    onOwnBatch: createCompactor(jetstream, subjectOf, { maxPayload, timeout }),
    onEnd: stopFeed,
    failure() {
      if (failure !== undefined) return toOnwardError(stream, failure)
      return monitor.isDown || isClosed ? downError() : undefined
    },
  })
  const recovery = createRecovery({
    ...{ jetstream, feed, stream, subjectOf, limits, timeout, maxPayload },
    record: async (kind, value) => feed.reach(await store(kind, encodeJson(value), performance.now() + timeout)),
  })
  /** The replica for reads: while a new one is being restored, the previous one. */
  let current = feed.replica

  const check = setInterval(() => {
    if (feed.isSilent) stopFeed()
  }, CHECK_INTERVAL)
  ;(check as { unref?(): void }).unref?.()

  function ready(): Promise<void> {
    if (monitor.isDown) return Promise.reject(downError())
    if (opening) return opening
    const mine = lastAttempt.then(open).catch((error: unknown) => {
      const reason = failure ?? error
      if (opening === mine) stopFeed()
      throw toOnwardError(stream, reason)
    })
    lastAttempt = mine.catch(() => {})
    opening = mine
    return mine
  }

  async function open(): Promise<void> {
    failure = undefined
    await recovery.recover(await options.openStream(), !wasOpen)
    if (!feed.isRunning) throw downError()
    delay = RETRY_PAUSE
    current = feed.replica
    if (wasOpen) onEntries()
    wasOpen = true
  }

  /** Stops the feed. The next call, or the next retry, opens it again. */
  function stopFeed(error?: Error): void {
    failure = error
    opening = undefined
    feed.stop()
    if (!monitor.isDown) reopenAfter(delay)
    delay = Math.min(delay * 2, MAX_PAUSE)
  }

  function reopenAfter(pause: number): void {
    cancelRetry?.()
    if (isClosed || !wasOpen) return
    cancelRetry = systemClock.after(pause, () => {
      if (monitor.isDown || opening || isClosed) return
      ready().catch(() => {})
    })
  }

  /** Calls that arrive while a request is pending share the next request. */
  function sync(): Promise<void> {
    nextSync ??= (syncing ?? Promise.resolve()).then(runSync, runSync)
    return nextSync
  }

  function runSync(): Promise<void> {
    syncing = nextSync
    nextSync = undefined
    return catchUp()
  }

  async function catchUp(): Promise<void> {
    const deadline = performance.now() + timeout
    for (;;) {
      try {
        await ready()
        const { at } = feed.replica
        const { created, state } = await whileUp(jetstream.info())
        // the log never removes its newest record, so this stream was emptied from outside
        const isEmptied = at > 0 && state.last_seq === at && state.first_seq > at
        if (created !== recovery.created || state.last_seq < at || isEmptied) {
          stopFeed()
          continue
        }
        return await feed.reach(state.last_seq)
      } catch (error) {
        if (error instanceof JetStreamError && error.status === NOT_FOUND) stopFeed()
        const isLate = monitor.isDown || performance.now() > deadline
        const canRetry =
          isRetryable(error) ||
          opening === undefined ||
          (error instanceof OnwardError && error.code === "log_unavailable")
        if (isLate || !canRetry || isClosed) throw toOnwardError(stream, error)
        await pause(RETRY_PAUSE)
      }
    }
  }

  function compact(): Promise<void> {
    nextCompact ??= compacting.then(() => {
      nextCompact = undefined
      const done = writeKept()
      compacting = done.catch(() => {})
      return done
    })
    return nextCompact
  }

  async function writeKept(): Promise<void> {
    const deadline = performance.now() + timeout
    for (;;) {
      await ready()
      const { replica } = feed
      const state = replica.state()
      const how = { chunkSize: maxPayload(), timeout }
      if (state) return whileUp(writeSnapshot(jetstream, subjectOf, state, replica.kept.entries(), how))
      // a batch has come in part
      if (performance.now() > deadline) throw downError()
      await pause(RETRY_PAUSE)
    }
  }

  async function store(kind: Kind, data: Uint8Array, deadline: number, isOver = () => false): Promise<number> {
    for (;;) {
      if (monitor.isDown) throw downError()
      try {
        const left = Math.min(deadline - performance.now(), RESPONSE_TIMEOUT)
        return await whileUp(jetstream.store(subjectOf(kind), data, Math.max(left, 1)))
      } catch (error) {
        if (isOver()) return 0
        if (!isRetryable(error) || performance.now() + RETRY_PAUSE > deadline) throw toOnwardError(stream, error)
        // the stream can be removed: opening it again recreates it
        if (hasNoResponder(error)) stopFeed()
        await pause(RETRY_PAUSE)
        await ready().catch(() => {})
      }
    }
  }

  return {
    get replica() {
      return current
    },
    ...{ ready, sync, store, compact },
    reach: (sequence) => feed.reach(sequence),
    close() {
      isClosed = true
      clearInterval(check)
      cancelRetry?.()
      feed.close()
      monitor.stop()
    },
  }
}

const pause = (delay: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, delay))
