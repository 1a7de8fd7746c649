import { checkClock, type Clock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import { FORGET_STEP } from "../driver/forget.ts"
import { parsePosition } from "../driver/position.ts"
import type { ForgetQuery, Log, Retention } from "../log.ts"
import { kindOf } from "../../kind.ts"
import { checkKinds, checkNames } from "../../options.ts"
import { createGate } from "../driver/gate.ts"
import { DEFAULT_RETENTION, limitsOf, RETENTION_NAMES } from "../driver/retention.ts"
import { createSweeper } from "../driver/sweeper.ts"
import { timeoutOf } from "../driver/timeout.ts"
import { createWatchers } from "../driver/watchers.ts"
import type { NatsConnection } from "./connection.ts"
import { DISABLED, hasNoResponder, JetStreamError, NOT_FOUND, toOnwardError } from "./failure.ts"
import { createJetStream, type StreamInfo } from "./jetstream.ts"
import { encodeJson, type Forget } from "./record.ts"
import { CHECKSUM_BYTES } from "./checksum.ts"
import { createSession } from "./session.ts"
import { createWriter } from "./writer.ts"

export interface NatsLogOptions {
  /** The name of the JetStream stream, and the prefix of its subjects: letters, digits, `-` and `_`, at most 64. @default "ONWARD" */
  readonly stream?: string
  /**
   * The limits on what the log keeps. Each process also keeps it in memory. The limits belong to the log: a process that opens the log
   * with other limits changes them for all processes. @default 100,000 entries, 64 MiB
   */
  readonly retention?: Retention
  /** The number of servers that store the stream, used when it is created: 1, or 3 or 5 in a cluster. @default 1 */
  readonly replicas?: number
  /** Where the servers store the stream, used when it is created. @default "file" */
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

/** Maximum size of a message, in bytes, also if the server allows larger ones. */
const MAX_MESSAGE = 1024 * 1024
/** The description of the stream, which identifies it as a log. */
const DESCRIPTION = "Onward log, version 3"

/**
 * Creates a log in a JetStream stream, which any number of processes can share. Each process reads the whole stream in order and
 * keeps all entries of the log in its memory. Needs nats-server 2.9 or later. The log does not close the connection.
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
  const maxPayload = (): number => Math.min(connection.info?.max_payload ?? MAX_MESSAGE, MAX_MESSAGE) - CHECKSUM_BYTES

  const gate = createGate()
  const watchers = createWatchers()
  let newest = { at: -1, since: 0 }
  let hasTicked = false
  let wasFound = false

  const session = createSession({
    ...{ connection, jetstream, stream, openStream, limits, timeout, inboxPrefix, maxPayload },
    onBatch: (from, number, appended) => writer.found(from, number, appended),
    onEntries: () => watchers.wakeSoon(() => session.replica.kept.bounds().last),
  })
  const writer = createWriter({ stream, timeout, clock, maxPayload, store: session.store })

  const sweeper = createSweeper(limits, sweep)

  async function openStream(): Promise<StreamInfo> {
    const [major = 0, minor = 0] = (connection.info?.version ?? "2.9").split(".").map(Number)
    if (major < 2 || (major === 2 && minor < 9)) {
      throw new OnwardError(
        "log_unsupported",
        `log ${stream}: nats-server ${major}.${minor} is too old. Use version 2.9 or later.`,
      )
    }
    try {
      const info = await findStream()
      wasFound = true
      const { description } = info.config
      if (description === DESCRIPTION) return info
      // each version applies the records by its own rules: processes of two versions would get different entries
      if (description?.startsWith("Onward log")) throw otherVersion(description)
    } catch (error) {
      // once the stream was found, this error means that the server, or a leader, is not ready yet
      if (wasFound || !hasNoResponder(error)) throw error
      throw new OnwardError("log_unsupported", `log ${stream}: ${DISABLED}.`, { cause: error })
    }
    throw new OnwardError(
      "log_corrupt",
      `log ${stream}: the stream of this name is not an Onward log. Choose another \`stream\`.`,
    )
  }

  const otherVersion = (description: string): OnwardError =>
    new OnwardError(
      "log_corrupt",
      `log ${stream}: the stream is "${description}", and this version of onward supports "${DESCRIPTION}". Choose another \`stream\`, or remove this one.`,
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
      // another process has created it, possibly with another number of replicas
      return await jetstream.info().catch(() => Promise.reject(error as Error))
    }
  }

  const call = <T>(run: () => Promise<T>): Promise<T> =>
    gate.call(run).catch((error: unknown) => {
      throw reported(toOnwardError(stream, error))
    })

  /** If JetStream was enabled before, this is not a configuration error: nats-server disables JetStream when its disk is full. */
  function reported(error: OnwardError): OnwardError {
    if (!wasFound || error.code !== "log_unsupported") return error
    const advice = "the server has disabled JetStream. Check its disk, and read its log"
    return new OnwardError("log_unavailable", `log ${stream}: ${advice}.`, { cause: error })
  }

  /** Reads the kept entries, after the replica has applied all records that were stored before the call. */
  const query = <T>(run: () => T): Promise<T> =>
    call(async () => {
      await session.sync()
      return run()
    })

  async function tick(): Promise<void> {
    await session.ready()
    const time = clock ? { time: clock.now() } : {}
    await session.reach(await session.store("tick", encodeJson(time), performance.now() + timeout))
  }

  /** In records of a limited number of entries, because each process applies a record in one turn. */
  async function forget({ topics, upTo }: ForgetQuery): Promise<number> {
    const place = parsePosition(upTo)
    if (!place) return 0
    await session.ready()
    const record: Forget = { ...(topics && { topics }), epoch: place.epoch, upTo: place.sequence, most: FORGET_STEP }
    let removed = 0
    for (;;) {
      const sequence = await session.store("forget", encodeJson(record), performance.now() + timeout)
      await session.reach(sequence)
      const now = session.replica.removedBy(sequence)
      // a replica that was made of a snapshot in between does not know: one more record removes the rest
      if (now === undefined) continue
      removed += now
      if (now < FORGET_STEP) break
    }
    await session.compact()
    return removed
  }

  /** The time of the server: that of its newest record, plus the time since it arrived. The clock of this process can be wrong. */
  function present(): number {
    const { at, time } = session.replica
    if (at !== newest.at) newest = { at, since: performance.now() }
    return time + performance.now() - newest.since
  }

  async function sweep(): Promise<void> {
    const { oldestTime = Infinity } = session.replica.kept
    // the age of the newest record of a quiet log is known only after a first tick
    const isDue = oldestTime < (clock ? clock.now() : present()) - limits.age || (!hasTicked && oldestTime < Infinity)
    if (!isDue) return
    await call(tick)
    hasTicked = true
  }

  return {
    // an append without messages is stored too, because its result depends on its order among other appends
    append: (messages) => call(() => session.ready().then(() => writer.append(messages))),
    read: (options) => query(() => session.replica.kept.read(options)),
    bounds: () => query(() => session.replica.kept.bounds()),
    locate: (landmark) => query(() => session.replica.kept.locate(landmark)),
    watch: (wake) =>
      call(async () => {
        await session.ready()
        return watchers.add(wake)
      }),
    trim: () => call(tick),
    forget: (query) => call(() => forget(query)),
    close: () => gate.close({ stop: () => sweeper.stop(), free }),
  }

  async function free(): Promise<void> {
    await watchers.clear()
    session.close()
  }
}
