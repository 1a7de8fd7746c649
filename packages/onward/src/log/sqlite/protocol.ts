import type { StoredMessage } from "../../message.ts"
import type { Limits } from "../driver/retention.ts"
import type { Moment } from "./age-clock.ts"
import type { Failure } from "./failure.ts"
import type { Files } from "./files.ts"

/** The options of the writer thread. */
export interface WriterOptions {
  readonly path: string
  readonly files: Files
  readonly epoch: string
  readonly limits: Limits
  readonly durability: "full" | "normal"
  readonly timeout: number
}

/** An append sent to the writer thread. Messages are flat lists of columns, because cloning them is several times as fast as cloning objects. */
export interface AppendCall {
  readonly ticket: number
  readonly moment: Moment
  readonly columns: readonly Column[]
}

export type Column = string | number | null

/** Number of columns of a message: topic, data, event, id, idempotency key, retry. */
export const WIDTH = 6

export function columnsOf(messages: readonly StoredMessage[]): Column[] {
  const columns: Column[] = []
  for (const { topic, data, event = null, id = null, idempotencyKey: key = null, retry = null } of messages) {
    columns.push(topic, data, event, id, key, retry)
  }
  return columns
}

/** Entries to remove: of these topics or of all, up to a sequence number. */
export interface ForgetCall {
  readonly ticket: number
  readonly topics: readonly string[] | undefined
  readonly upTo: number
}

export type Request =
  | { readonly kind: "append"; readonly calls: readonly AppendCall[] }
  | { readonly kind: "trim"; readonly moment: Moment; readonly ticket?: number }
  | { readonly kind: "forget"; readonly call: ForgetCall }
  | { readonly kind: "close" }

/** The result of an append, as sequence numbers. */
export interface Stored {
  readonly sequences: readonly number[]
  readonly previous: number
  readonly time: number
}

/** The response of the writer thread to an append or a trim. */
export interface Reply {
  readonly ticket: number
  readonly stored?: Stored
  /** How many entries were removed on request. */
  readonly removed?: number
  readonly failure?: Failure
}
