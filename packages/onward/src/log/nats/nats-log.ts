import { checkClock, type Clock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import type { Log, Retention } from "../log.ts"
import { kindOf } from "../../kind.ts"
import { checkKinds, checkNames } from "../../options.ts"
import { createGate } from "../driver/gate.ts"
import { DEFAULT_RETENTION, limitsOf, RETENTION_NAMES } from "../driver/retention.ts"
import { createSweeper } from "../driver/sweeper.ts"
import { timeoutOf } from "../driver/timeout.ts"
import { createWatchers } from "../driver/watchers.ts"
import type { NatsConnection } from "./connection.ts"
import { isUnheard, JetStreamError, NOT_FOUND, toOnwardError } from "./failure.ts"
import { createJetStream, type StreamInfo } from "./jetstream.ts"
import { encodeJson } from "./record.ts"
import { CHECKSUM_BYTES } from "./checksum.ts"
import { createSession } from "./session.ts"
import { createWriter } from "./writer.ts"

export interface NatsLogOptions {
  /** The name of the JetStream stream, and the prefix of its subjects: letters, digits, `-` and `_`, at most 64. @default "ONWARD" */
  readonly stream?: string
  /**
   * What is kept. Each process also holds it in memory. It belongs to the log: a process that opens the log with another value changes it
   * for all. @default 100,000 entries, 64 MiB
   */
  readonly retention?: Retention
  /** How many servers store the stream, when it is created: 1, or 3 or 5 in a cluster. @default 1 */
  readonly replicas?: number
  /** Where the servers store the stream, when it is created. @default "file" */
  readonly storage?: "file" | "memory"
  /** How long a call waits for NATS, in milliseconds, before it rejects with `log_unavailable`. @default 5_000 */
  readonly timeout?: number
  /** The JetStream domain. @default that of the server */
  readonly domain?: string
  /** The `inboxPrefix` of the connection, if it has one. @default "_INBOX" */
  readonly inboxPrefix?: string
  /** The clock for the time and age of entries, for tests. @default the clock of the server that leads the stream */
  readonly clock?: Clock
}

const OPTIONS = [
  "stream",
  "retention",
  "replicas",
  "storage",
  "timeout",
  "domain",
  "inboxPrefix",
  "clock",
  ...RETENTION_NAMES,
]

/** Messages need not be larger, in bytes, even where the server would take them. */
const LARGEST = 1024 * 1024
/** How we know our own. */
const DESCRIPTION = "Onward log, version 2"

/**
 * A log in a JetStream stream, which any number of processes may share. The order of the stream decides everything: each
 * process follows it, and holds what is kept in its memory. Needs nats-server 2.9 or later. The connection stays yours: the
 * log does not close it.
 *
 * @example
 * const connection = await connect({ servers: "nats.internal", maxReconnectAttempts: -1 })
 * const hub = createHub({ log: natsLog(connection) })
 */
export function natsLog(connection: NatsConnection, options: NatsLogOptions = {}): Log {
  checkNames("natsLog", options, OPTIONS)
  checkKinds("natsLog", options, { domain: "a string", inboxPrefix: "a string" })
  const { stream = "ONWARD", retention = DEFAULT_RETENTION, replicas = 1, storage = "file" } = options
  const { domain, inboxPrefix = "_INBOX", clock } = options
  if (clock !== undefined) checkClock("natsLog", clock)
  const timeout = timeoutOf("natsLog", options.timeout)
  if (typeof connection?.request !== "function") {
    throw new TypeError(`natsLog takes a connection, not ${kindOf(connection)}. Pass \`await connect(…)\`.`)
  }
  if (!/^[\w-]{1,64}$/.test(stream)) throw new TypeError("stream must be letters, digits, - and _, at most 64")
  if (!(replicas >= 1 && replicas <= 5)) throw new TypeError("replicas must be 1, 3 or 5")
  if (storage !== "file" && storage !== "memory") throw new TypeError('storage must be "file" or "memory"')
  const limits = limitsOf(retention)
  const jetstream = createJetStream(connection, stream, { domain, timeout })
  const maxPayload = (): number => Math.min(connection.info?.max_payload ?? LARGEST, LARGEST) - CHECKSUM_BYTES

  const gate = createGate()
  const watchers = createWatchers()
  let heard = { at: -1, since: 0 }
  let hasTicked = false
  let wasFound = false

  const session = createSession({
    ...{ connection, jetstream, stream, openStream, limits, timeout, inboxPrefix, maxPayload },
    onBatch: (who, number, appended) => writer.found(who, number, appended),
    onNews: () => watchers.wakeSoon(() => session.replica.kept.bounds().last),
  })
  const writer = createWriter({ stream, timeout, clock, maxPayload, store: session.store })

  const sweeper = createSweeper(limits, sweep)

  async function openStream(): Promise<StreamInfo> {
    const [major = 0, minor = 0] = (connection.info?.version ?? "2.9").split(".").map(Number)
    if (major < 2 || (major === 2 && minor < 9)) {
      throw new OnwardError("log_unsupported", `log ${stream}: nats-server ${major}.${minor} is too old: it takes 2.9`)
    }
    try {
      const info = await findStream()
      wasFound = true
      const { description } = info.config
      if (description === DESCRIPTION) return info
      // each version folds the records by its own rules: processes of two versions would come to different entries
      if (description?.startsWith("Onward log")) throw otherVersion(description)
    } catch (error) {
      // afterwards it only means that the server, or a leader, is not there yet
      if (wasFound || !isUnheard(error)) throw error
      throw new OnwardError(
        "log_unsupported",
        `log ${stream}: JetStream is off here: start nats-server with --js, and let the account use it`,
        { cause: error },
      )
    }
    throw new OnwardError(
      "log_corrupt",
      `log ${stream}: the stream of this name is not an Onward log: choose another \`stream\``,
    )
  }

  const otherVersion = (description: string): OnwardError =>
    new OnwardError(
      "log_corrupt",
      `log ${stream}: its stream is "${description}", and this version of onward knows "${DESCRIPTION}". Choose another \`stream\`, or remove this one.`,
    )

  async function findStream(): Promise<StreamInfo> {
    try {
      return await jetstream.info()
    } catch (error) {
      if (!(error instanceof JetStreamError && error.status === NOT_FOUND)) throw error
    }
    const shape = { subjects: [`${stream}.*`], retention: "limits", discard: "new", num_replicas: replicas, storage }
    try {
      return await jetstream.create({ name: stream, description: DESCRIPTION, ...shape })
    } catch (error) {
      // another process may have been faster, and want another number of replicas
      return await jetstream.info().catch(() => Promise.reject(error as Error))
    }
  }

  const call = <T>(run: () => Promise<T>): Promise<T> =>
    gate.call(run).catch((error: unknown) => {
      throw reported(toOnwardError(stream, error))
    })

  /** JetStream that was there is not off by configuration: nats-server switches it off when its disk is full. */
  function reported(error: OnwardError): OnwardError {
    if (!wasFound || error.code !== "log_unsupported") return error
    const advice = "JetStream has been switched off: look into the server's log, and at its disk"
    return new OnwardError("log_unavailable", `log ${stream}: ${advice}`, { cause: error })
  }

  /** Answers from what is kept, once everything that was stored before the call is in it. */
  const answer = <T>(question: () => T): Promise<T> =>
    call(async () => {
      await session.sync()
      return question()
    })

  async function tick(): Promise<void> {
    await session.ready()
    const time = clock ? { time: clock.now() } : {}
    await session.reach(await session.store("tick", encodeJson(time), performance.now() + timeout))
  }

  /** The server's time as its newest record tells it, and what has passed since: this process's clock may be wrong. */
  function present(): number {
    const { at, time } = session.replica
    if (at !== heard.at) heard = { at, since: performance.now() }
    return time + performance.now() - heard.since
  }

  async function sweep(): Promise<void> {
    const { oldestTime = Infinity } = session.replica.kept
    // how long ago the newest record of a quiet log was stored, only a first tick tells
    const isDue = oldestTime < (clock ? clock.now() : present()) - limits.age || (!hasTicked && oldestTime < Infinity)
    if (!isDue) return
    await call(tick)
    hasTicked = true
  }

  return {
    // an empty call, too, is stored: its answer is that of its place among the others
    append: (messages) => call(() => session.ready().then(() => writer.append(messages))),
    read: (query) => answer(() => session.replica.kept.read(query)),
    bounds: () => answer(() => session.replica.kept.bounds()),
    locate: (landmark) => answer(() => session.replica.kept.locate(landmark)),
    watch: (wake) =>
      call(async () => {
        await session.ready()
        return watchers.add(wake)
      }),
    trim: () => call(tick),
    close: () => gate.close({ stop: () => sweeper.stop(), free }),
  }

  async function free(): Promise<void> {
    await watchers.clear()
    session.close()
  }
}
