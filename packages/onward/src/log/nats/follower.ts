import type { NatsConnection, NatsMessage } from "./connection.ts"
import type { JetStream } from "./jetstream.ts"
import { KINDS, type StreamRecord } from "./record.ts"

/** How often the server says that it is still there while there is nothing to deliver, in milliseconds. */
const HEARTBEAT = 2000
/** A consumer whose reader is gone is removed after so long, in milliseconds. */
const IDLE = 30_000
const NANOSECONDS = 1_000_000

export interface Follower {
  /** When something last came, heartbeats included. */
  readonly heardAt: number
  stop(): void
}

export interface FollowerOptions {
  readonly connection: NatsConnection
  readonly jetstream: JetStream
  readonly inbox: string
  /** The stream's sequence to begin at. */
  readonly from: number
  /** Gets every record from there on, once and in order. `stamp` is its time in nanoseconds. */
  readonly take: (record: StreamRecord, stamp: string) => void
  /** Called when it cannot go on: something is missing, or the server said so. */
  readonly fail: (error?: Error) => void
}

/** True once nothing was heard for so long that the consumer must be gone. */
export const isSilent = (follower: Follower): boolean => performance.now() - follower.heardAt > HEARTBEAT * 2.5

/**
 * Follows the stream by an ordered consumer: ephemeral, without acknowledgements, with flow control, its deliveries counted so
 * that one that is missing shows.
 */
export async function follow(options: FollowerOptions): Promise<Follower> {
  const { connection, jetstream, inbox, from, take, fail } = options
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
      const place = placeOf(message.reply)
      if (!place || place.delivery !== delivered + 1) return end()
      delivered = place.delivery
      const kind = message.subject.slice(message.subject.lastIndexOf(".") + 1)
      const known = KINDS.find((each) => each === kind) ?? "chunk"
      take({ kind: known, data: message.data, sequence: place.sequence, time: place.time }, place.stamp)
    },
  })

  function end(error?: Error): void {
    if (isOver) return
    stop()
    fail(error)
  }

  function stop(): void {
    isOver = true
    if (connection.isClosed()) return
    subscription.unsubscribe()
    if (name !== undefined) jetstream.deleteConsumer(name).catch(() => {})
  }

  /** 100 is a heartbeat or a question whether we keep up, the rest is the end of the consumer. */
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
 * Reads where a delivery comes from out of its reply subject:
 * `$JS.ACK.[domain.account.]stream.consumer.deliveries.sequence.delivery.nanoseconds.pending[.token]`.
 */
function placeOf(
  reply: string | undefined,
): { sequence: number; delivery: number; time: number; stamp: string } | undefined {
  const tokens = reply?.split(".") ?? []
  const at = tokens.length > 9 ? 7 : 5
  const [sequence, delivery, stamp = ""] = tokens.slice(at, at + 3)
  if (!(Number(sequence) > 0) || stamp.length < 7) return undefined
  return { sequence: Number(sequence), delivery: Number(delivery), time: Number(stamp.slice(0, -6)), stamp }
}
