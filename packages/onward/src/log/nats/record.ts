import type { StoredMessage } from "../../message.ts"
import type { Retention } from "../log.ts"
import type { Limits } from "../driver/retention.ts"

/** The kinds of messages in the stream: the last token of their subject. */
export const KINDS = ["batch", "part", "settings", "epoch", "tick", "forget", "chunk", "snapshot"] as const

export type Kind = (typeof KINDS)[number]

/** A message of the stream. */
export interface StreamRecord {
  readonly kind: Kind
  readonly data: Uint8Array
  readonly sequence: number
  /** When it was stored, in milliseconds since 1970, by the clock of the server that leads the stream. */
  readonly time: number
}

/** Appends that are stored together, all or nothing. */
export interface Batch {
  readonly writer: string
  /** Increases with every batch of the writer. */
  readonly number: number
  /** The time of the writer's clock, if the log has one. */
  readonly time?: number
  readonly calls: readonly (readonly StoredMessage[])[]
}

/** Entries to remove: of these topics or of all, up to a sequence number of an epoch, at most `most`. */
export interface Forget {
  readonly topics?: readonly string[]
  readonly epoch: string
  readonly upTo: number
  readonly most: number
}

/** Throws when it is not written as one. */
export function decodeForget(data: Uint8Array): Forget {
  const forget = decodeJson(data) as Forget
  const { topics = [], epoch, upTo, most } = forget
  const isWellFormed =
    Array.isArray(topics) &&
    topics.every((topic) => typeof topic === "string") &&
    typeof epoch === "string" &&
    Number.isSafeInteger(upTo) &&
    Number.isSafeInteger(most)
  if (!isWellFormed) throw new TypeError("not a request to forget")
  return forget
}

/** A piece of a batch that is too large for one message. */
export interface Part {
  readonly writer: string
  readonly number: number
  readonly index: number
  readonly count: number
}

/** The settings of the log from this record on. */
export interface Settings {
  /** The first epoch. Ignored if the log has an epoch. */
  readonly epoch: string
  readonly retention: Retention
}

type Line = readonly [topic: string, data: string, more?: Omit<StoredMessage, "topic" | "data">]

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const encodeJson = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value))

export const decodeJson = (data: Uint8Array): unknown => JSON.parse(decoder.decode(data))

/** Converts a message to its shortest form in JSON. Undefined fields are left out. */
export function toLine({ topic, data, event, id, idempotencyKey: key, retry }: StoredMessage): Line {
  if (event === undefined && id === undefined && key === undefined && retry === undefined) return [topic, data]
  return [topic, data, { event, id, idempotencyKey: key, retry } as Line[2] & object]
}

/** Converts a line back to a message. Throws for other values. */
export function fromLine([topic, data, more]: Line): StoredMessage {
  if (typeof topic !== "string" || typeof data !== "string") throw new TypeError("not a message")
  if (more === undefined) return { topic, data }
  const { event, id, idempotencyKey: key, retry } = more
  for (const text of [event, id, key])
    if (text !== undefined && typeof text !== "string") throw new TypeError("not a message")
  if (retry !== undefined && typeof retry !== "number") throw new TypeError("not a message")
  return {
    ...{ topic, data },
    ...(event !== undefined && { event }),
    ...(id !== undefined && { id }),
    ...(key !== undefined && { idempotencyKey: key }),
    ...(retry !== undefined && { retry }),
  }
}

export function encodeBatch({ calls, ...rest }: Batch): Uint8Array {
  return encodeJson({ ...rest, calls: calls.map((messages) => messages.map(toLine)) })
}

/** Decodes a batch. Throws for other data. */
export function decodeBatch(data: Uint8Array): Batch {
  const { calls, ...rest } = decodeJson(data) as Omit<Batch, "calls"> & { calls: readonly (readonly Line[])[] }
  const { writer, number, time } = rest
  if (typeof writer !== "string" || !Number.isSafeInteger(number) || !isTime(time)) throw new TypeError("not a batch")
  return { ...rest, calls: calls.map((lines) => lines.map(fromLine)) }
}

/** True for a number or undefined: a record need not have a time. */
export const isTime = (time: unknown): time is number | undefined => time === undefined || Number.isFinite(time)

/** Splits a batch into parts of `size` bytes. Each part is a line of JSON that identifies it, then the bytes. */
export function cut(writer: string, number: number, batch: Uint8Array, size: number): Uint8Array[] {
  const count = Math.ceil(batch.length / size)
  return Array.from({ length: count }, (_, index) => {
    const head = encoder.encode(`${JSON.stringify({ writer, number, index, count } satisfies Part)}\n`)
    const body = batch.subarray(index * size, (index + 1) * size)
    return join([head, body])
  })
}

/** Decodes a part. Throws for other data. */
export function readPart(data: Uint8Array): { part: Part; body: Uint8Array } {
  const end = data.indexOf(10)
  return { part: decodeJson(data.subarray(0, end)) as Part, body: data.subarray(end + 1) }
}

export function join(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

/** Converts limits to a retention that JSON can represent, without Infinity. */
export function retentionOf({ count, bytes, age, topicCount, topicBytes }: Limits): Retention {
  const finite = (limits: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit < Infinity))
  return { ...finite({ count, bytes, age }), topic: finite({ count: topicCount, bytes: topicBytes }) }
}
