import { OnwardError } from "../../errors.ts"
import type { StoredMessage } from "../../message.ts"

/** Approximate limit of the memory that pending appends of one log may use in one process, in bytes. */
const MAX_WAITING = 64 * 1024 * 1024
/** Estimated memory of a pending append, and of each of its messages, besides their text: promises, arrays, copies. */
const OVERHEAD_CALL = 1024
const OVERHEAD_MESSAGE = 256

/** The approximate memory of a pending append, in bytes. A character counts as one byte: engines store most text that way. */
export function weightOf(messages: readonly StoredMessage[]): number {
  let weight = OVERHEAD_CALL
  for (const { topic, data, event, id, idempotencyKey: key } of messages) {
    weight += OVERHEAD_MESSAGE + topic.length + data.length
    weight += (event?.length ?? 0) + (id?.length ?? 0) + (key?.length ?? 0)
  }
  return weight
}

/** Counts the memory of pending appends and refuses appends over the limit. A single pending append may have any size. */
export class Backlog {
  #waiting = 0
  readonly #log: string

  /** `log` is the name of the log in error messages. */
  constructor(log: string) {
    this.#log = log
  }

  /** Adds an append and returns its weight. Throws `OnwardError("log_unavailable")` over the limit. */
  enter(messages: readonly StoredMessage[]): number {
    const weight = weightOf(messages)
    if (this.#waiting > 0 && this.#waiting + weight > MAX_WAITING) {
      throw new OnwardError(
        "log_unavailable",
        `log ${this.#log}: pending appends exceed the limit of ${MAX_WAITING} bytes. Publish more slowly, or wait for earlier appends.`,
      )
    }
    this.#waiting += weight
    return weight
  }

  /** Removes an append. */
  leave(weight: number): void {
    this.#waiting -= weight
  }

  /** Removes all appends. */
  clear(): void {
    this.#waiting = 0
  }
}
