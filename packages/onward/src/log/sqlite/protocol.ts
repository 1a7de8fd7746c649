import type { StoredMessage } from "../../message.ts"
import type { Limits } from "../driver/retention.ts"
import type { Moment } from "./age-clock.ts"
import type { Failure } from "./failure.ts"
import type { Files } from "./files.ts"

/** What the writer's thread starts with. */
export interface WriterOptions {
  readonly path: string
  readonly files: Files
  readonly epoch: string
  readonly limits: Limits
  readonly durability: "full" | "normal"
  readonly timeout: number
}

/** An append on its way to the writer. Messages are flat lists of columns: cloning those is several times as quick as objects. */
export interface AppendCall {
  readonly ticket: number
  readonly moment: Moment
  readonly columns: readonly Column[]
}

export type Column = string | number | null

/** Columns of a message: topic, data, event, id, key, retry. */
export const WIDTH = 6

export function columnsOf(messages: readonly StoredMessage[]): Column[] {
  const columns: Column[] = []
  for (const { topic, data, event = null, id = null, idempotencyKey: key = null, retry = null } of messages) {
    columns.push(topic, data, event, id, key, retry)
  }
  return columns
}

export type Request =
  | { readonly kind: "append"; readonly calls: readonly AppendCall[] }
  | { readonly kind: "trim"; readonly moment: Moment; readonly ticket?: number }
  | { readonly kind: "close" }

/** What an append did, as sequence numbers. */
export interface Stored {
  readonly sequences: readonly number[]
  readonly previous: number
  readonly time: number
}

export interface Answer {
  readonly ticket: number
  readonly stored?: Stored
  readonly failure?: Failure
}
