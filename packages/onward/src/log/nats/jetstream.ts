import type { NatsConnection } from "./connection.ts"
import { JetStreamError, NOT_FOUND, type JetStreamFailure } from "./failure.ts"
import { addChecksum, removeChecksum } from "./checksum.ts"

/**
 * The calls of JetStream's API that a log uses (docs.nats.io, "NATS API Reference"). They are requests with JSON, so
 * no package is needed. Each rejects with a `JetStreamError` or with the error of the connection.
 */
export interface JetStream {
  info(): Promise<StreamInfo>
  create(config: object): Promise<StreamInfo>
  /** Gets a message by its sequence number, or the last or next one of a subject. Undefined when it does not exist. */
  get(query: MessageQuery): Promise<RawMessage | undefined>
  /** Removes all messages before `sequence`. */
  purgeBefore(sequence: number): Promise<void>
  createConsumer(config: object): Promise<string>
  deleteConsumer(name: string): Promise<void>
  /** Publishes into the stream, with a checksum. Resolves to the sequence number. */
  store(subject: string, payload: Uint8Array, timeout: number): Promise<number>
}

export interface StreamInfo {
  readonly created: string
  readonly config: { readonly description?: string; readonly subjects?: readonly string[] }
  readonly state: { readonly first_seq: number; readonly last_seq: number }
}

export type MessageQuery =
  | { readonly seq: number }
  | { readonly last_by_subj: string }
  | { readonly seq: number; readonly next_by_subj: string }

export interface RawMessage {
  readonly seq: number
  /** Without its checksum. Undefined when the checksum is wrong. */
  readonly data: Uint8Array | undefined
  /** When it was stored: RFC 3339, to the nanosecond. */
  readonly time: string
}

interface Reply {
  readonly error?: JetStreamFailure
}

const decoder = new TextDecoder()

export function createJetStream(
  connection: NatsConnection,
  stream: string,
  { domain, timeout }: { domain: string | undefined; timeout: number },
): JetStream {
  const prefix = domain === undefined ? "$JS.API" : `$JS.${domain}.API`

  async function request<Result>(subject: string, payload: string | Uint8Array, wait = timeout): Promise<Result> {
    const { data } = await connection.request(subject, payload, { timeout: wait })
    const reply = JSON.parse(decoder.decode(data)) as Result & Reply
    if (reply.error) throw new JetStreamError(reply.error)
    return reply
  }
  const call = <Result>(what: string, body?: object): Promise<Result> =>
    request(`${prefix}.${what}`, body ? JSON.stringify(body) : "")

  return {
    info: () => call(`STREAM.INFO.${stream}`),
    create: (config) => call(`STREAM.CREATE.${stream}`, config),
    async get(query) {
      try {
        const { message } = await call<{ message: { seq: number; data?: string; time: string } }>(
          `STREAM.MSG.GET.${stream}`,
          query,
        )
        return { seq: message.seq, data: removeChecksum(fromBase64(message.data ?? "")), time: message.time }
      } catch (error) {
        if (error instanceof JetStreamError && error.status === NOT_FOUND) return undefined
        throw error
      }
    },
    purgeBefore: (sequence) => call(`STREAM.PURGE.${stream}`, { seq: sequence }),
    async createConsumer(config) {
      const { name } = await call<{ name: string }>(`CONSUMER.CREATE.${stream}`, { stream_name: stream, config })
      return name
    },
    deleteConsumer: (name) => call(`CONSUMER.DELETE.${stream}.${name}`),
    async store(subject, payload, wait) {
      return (await request<{ seq: number }>(subject, addChecksum(payload), wait)).seq
    },
  }
}

/** Decodes base64. Uses a loop, because snapshots arrive this way, and a function call for each byte takes five times as long. */
function fromBase64(text: string): Uint8Array {
  const characters = atob(text)
  const bytes = new Uint8Array(characters.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i)
  return bytes
}

/** Converts an RFC 3339 time to nanoseconds since 1970, the unit of messages that a subscription delivers. */
export function nanosecondsOf(time: string): bigint {
  const [, second = "", fraction = "", zone = "Z"] = /^([^.Z+]*)(?:\.(\d+))?(.*)$/.exec(time) ?? []
  return BigInt(Date.parse(second + zone)) * 1_000_000n + BigInt(fraction.padEnd(9, "0"))
}
