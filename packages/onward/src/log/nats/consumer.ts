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
  /** Called with every record from there on, once and in order. `stamp` is its time in nanoseconds since 1970. */
  readonly take: (record: StreamRecord, stamp: string) => void
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
  const { connection, jetstream, inbox, from, take, onEnd } = options
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
      take({ kind: known, data: message.data, sequence: delivery.sequence, time: delivery.time }, delivery.stamp)
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
 * Parses the reply subject of a delivery:
 * `$JS.ACK.[domain.account.]stream.consumer.deliveries.sequence.delivery.nanoseconds.pending[.token]`.
 */
function deliveryOf(
  reply: string | undefined,
): { sequence: number; number: number; time: number; stamp: string } | undefined {
  const tokens = reply?.split(".") ?? []
  const at = tokens.length > 9 ? 7 : 5
  const [sequence, number, stamp = ""] = tokens.slice(at, at + 3)
  if (!(Number(sequence) > 0) || stamp.length < 7) return undefined
  return { sequence: Number(sequence), number: Number(number), time: Number(stamp.slice(0, -6)), stamp }
}
