import { systemClock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import type { Appended } from "../log.ts"
import type { Limits } from "../driver/retention.ts"
import type { NatsConnection } from "./connection.ts"
import { isPassing, isUnheard, JetStreamError, NOT_FOUND, toOnwardError } from "./failure.ts"
import { createFeed } from "./feed.ts"
import type { JetStream, StreamInfo } from "./jetstream.ts"
import { monitorConnection } from "./connection-monitor.ts"
import { encodeJson, type Kind } from "./record.ts"
import { createRecovery } from "./recovery.ts"
import type { Replica } from "./replica.ts"
import { createSummer } from "./snapshot.ts"

/** Pause before what failed is tried again, in milliseconds. */
const AGAIN = 100
/** The pause grows to so much while nothing helps, in milliseconds. */
const LONGEST_PAUSE = 2000
/** Longest wait for one answer, in milliseconds: an election loses questions, and takes seconds. */
const ONE_ANSWER = 2000
/** How often it is looked at whether the server still sends, in milliseconds. */
const PULSE = 1000

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
  const { connection, jetstream, stream, limits, timeout, inboxPrefix, maxPayload, onBatch, onNews } = options
  const subjectOf = (kind: Kind): string => `${stream}.${kind}`
  let opening: Promise<void> | undefined
  /** Settles when the newest try to open has ended: never are there two at once. */
  let lastTry: Promise<unknown> = Promise.resolve()
  let wasOpen = false
  let isClosed = false
  let delay = AGAIN
  let failure: unknown
  let retry: (() => void) | undefined
  let syncing: Promise<void> | undefined
  let nextSync: Promise<void> | undefined

  const presence = monitorConnection(connection, stream, { onLeave: () => lose(), onReturn: () => again(0) })
  const { whileHere, away } = presence
  const feed = createFeed({
    ...{ connection, jetstream, inboxPrefix, timeout, onBatch, onNews, away },
    onOwn: createSummer(jetstream, subjectOf, { maxPayload, timeout }),
    onEnd: lose,
    gone() {
      if (failure !== undefined) return toOnwardError(stream, failure)
      return presence.isAway || isClosed ? away() : undefined
    },
  })
  const recovery = createRecovery({
    ...{ jetstream, feed, stream, subjectOf, limits, timeout, maxPayload },
    record: async (kind, value) => feed.reach(await store(kind, encodeJson(value), performance.now() + timeout)),
  })
  /** The replica that answers: while a new one is being made, the one before. */
  let shown = feed.replica

  const pulse = setInterval(() => {
    if (feed.isSilent) lose()
  }, PULSE)
  ;(pulse as { unref?(): void }).unref?.()

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

  async function open(): Promise<void> {
    failure = undefined
    await recovery.recover(await options.openStream(), !wasOpen)
    if (!feed.isOn) throw away()
    delay = AGAIN
    shown = feed.replica
    if (wasOpen) onNews()
    wasOpen = true
  }

  /** The stream is not followed any more: the next call, or the next try, opens it again. */
  function lose(error?: Error): void {
    failure = error
    opening = undefined
    feed.stop()
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
        const { at } = feed.replica
        const { created, state } = await whileHere(jetstream.info())
        // a stream that has nothing left, not even the newest, was emptied by somebody
        const isEmptied = at > 0 && state.last_seq === at && state.first_seq > at
        if (created !== recovery.created || state.last_seq < at || isEmptied) {
          lose()
          continue
        }
        return await feed.reach(state.last_seq)
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
    ...{ ready, sync, store },
    reach: (sequence) => feed.reach(sequence),
    close() {
      isClosed = true
      clearInterval(pulse)
      retry?.()
      feed.close()
      presence.stop()
    },
  }
}

const pause = (delay: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, delay))
