import type { NatsConnection, NatsMessage } from "./connection.ts"
import type { JetStream } from "./jetstream.ts"
import { KINDS, type StreamRecord } from "./record.ts"

/** How often the server sends a heartbeat while there is nothing to deliver, in milliseconds. */
const HEARTBEAT = 2000
/** How long the server keeps a consumer without a subscriber, in milliseconds. */
const IDLE = 30_000
const NANOSECONDS = 1_000_000

export interface Consumer {
  /** When the last message arrived, heartbeats included, in the time of `performance.now()`. */
  readonly heardAt: number
  stop(): void
}

export interface ConsumerOptions {
  readonly connection: NatsConnection
  readonly jetstream: JetStream
  readonly inbox: string
  /** The first sequence number of the stream to deliver. */
  readonly from: number
  /** Only messages of this subject. @default all messages of the stream */
  readonly subject?: string
  /** Called with every record from there on, once and in order. `stamp` is its time in nanoseconds since 1970. */
  readonly take: (record: StreamRecord, stamp: string, isNewest: boolean) => void
  /** Called when the consumer cannot continue: a delivery is missing, or the server ended it. */
  readonly onEnd: (error?: Error) => void
}

/** True when no message has arrived for so long that the server has removed the consumer. */
export const isSilent = (consumer: Consumer): boolean => performance.now() - consumer.heardAt > HEARTBEAT * 2.5

/**
 * Starts an ordered consumer of the stream: ephemeral, without acknowledgements, with flow control. It counts deliveries, so that a
 * missing one is detected.
 */
export async function startConsumer(options: ConsumerOptions): Promise<Consumer> {
  const { connection, jetstream, inbox, from, subject, take, onEnd } = options
  let delivered = 0
  let heardAt = performance.now()
  let isOver = false
  let name: string | undefined

  const subscription = connection.subscribe(inbox, {
    callback(error, message) {
      if (isOver) return
      if (error) return end(error)
      heardAt = performance.now()
      if ((message.headers?.code ?? 0) > 0) return control(message)
      const delivery = deliveryOf(message.reply)
      if (!delivery || delivery.number !== delivered + 1) return end()
      delivered = delivery.number
      const kind = message.subject.slice(message.subject.lastIndexOf(".") + 1)
      const known = KINDS.find((each) => each === kind) ?? "chunk"
      const { sequence, time, stamp, isNewest } = delivery
      take({ kind: known, data: message.data, sequence, time }, stamp, isNewest)
    },
  })

  function end(error?: Error): void {
    if (isOver) return
    stop()
    onEnd(error)
  }

  function stop(): void {
    isOver = true
    if (connection.isClosed()) return
    subscription.unsubscribe()
    if (name !== undefined) jetstream.deleteConsumer(name).catch(() => {})
  }

  /** Status 100 is a heartbeat or a flow control request. Any other status ends the consumer. */
  function control(message: NatsMessage): void {
    const { code = 0, description = "" } = message.headers ?? {}
    if (code !== 100) return end()
    if (description.startsWith("FlowControl")) return void message.respond()
    const stalled = message.headers?.get("Nats-Consumer-Stalled")
    if (stalled) connection.publish(stalled)
    const newest = message.headers?.get("Nats-Last-Consumer")
    if (newest && Number(newest) !== delivered) end()
  }

  try {
    name = await jetstream.createConsumer({
      deliver_subject: inbox,
      deliver_policy: "by_start_sequence",
      opt_start_seq: from,
      ...(subject !== undefined && { filter_subject: subject }),
      ack_policy: "none",
      replay_policy: "instant",
      flow_control: true,
      idle_heartbeat: HEARTBEAT * NANOSECONDS,
      inactive_threshold: IDLE * NANOSECONDS,
      mem_storage: true,
      num_replicas: 1,
    })
  } catch (error) {
    stop()
    throw error
  }
  return {
    get heardAt() {
      return heardAt
    },
    stop,
  }
}

/**
 * Calls `take` with the records of a subject from `from` to the newest one, of which there must be one. Rejects when none arrives for
 * `timeout` milliseconds.
 */
export async function scan({
  timeout,
  take,
  ...options
}: Omit<ConsumerOptions, "take" | "onEnd"> & {
  readonly timeout: number
  readonly take: (record: StreamRecord) => void
}): Promise<void> {
  const end = Promise.withResolvers<void>()
  // it can end before it is awaited
  end.promise.catch(() => {})
  const fail = (error = new Error("the records did not arrive")): void => end.reject(error)
  let heardAt = performance.now()
  const check = setInterval(() => {
    if (performance.now() - heardAt > timeout) fail()
  }, 100)
  try {
    const consumer = await startConsumer({
      ...options,
      take(record, _, isNewest) {
        heardAt = performance.now()
        take(record)
        if (isNewest) end.resolve()
      },
      onEnd: fail,
    })
    await end.promise.finally(() => consumer.stop())
  } finally {
    clearInterval(check)
  }
}

/**
 * Parses the reply subject of a delivery:
 * `$JS.ACK.[domain.account.]stream.consumer.deliveries.sequence.delivery.nanoseconds.pending[.token]`.
 */
function deliveryOf(
  reply: string | undefined,
): { sequence: number; number: number; time: number; stamp: string; isNewest: boolean } | undefined {
  const tokens = reply?.split(".") ?? []
  const at = tokens.length > 9 ? 7 : 5
  const [sequence, number, stamp = "", pending] = tokens.slice(at, at + 4)
  if (!(Number(sequence) > 0) || stamp.length < 7) return undefined
  const isNewest = !(Number(pending) > 0)
  return { sequence: Number(sequence), number: Number(number), time: Number(stamp.slice(0, -6)), stamp, isNewest }
}
