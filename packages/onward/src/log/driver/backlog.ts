import { OnwardError } from "../../errors.ts"
import type { StoredMessage } from "../../message.ts"

/** Most that waits to be written in one log of one process, in bytes of memory, about. */
const MAX_WAITING = 64 * 1024 * 1024
/** What a waiting append and each of its messages take besides their text: promises, arrays, their copy on the way. */
const OVERHEAD_CALL = 1024
const OVERHEAD_MESSAGE = 256

/** What an append takes while it waits, in bytes, about. A character counts one byte: most text is stored so. */
export function weightOf(messages: readonly StoredMessage[]): number {
  let weight = OVERHEAD_CALL
  for (const { topic, data, event, id, idempotencyKey: key } of messages) {
    weight += OVERHEAD_MESSAGE + topic.length + data.length
    weight += (event?.length ?? 0) + (id?.length ?? 0) + (key?.length ?? 0)
  }
  return weight
}

/** Counts what waits to be written, and refuses more than is bounded. An append that waits alone may have any size. */
export class Backlog {
  #waiting = 0
  readonly #log: string

  /** `log` is how errors name the log. */
  constructor(log: string) {
    this.#log = log
  }

  /** Counts one more append in, and returns its weight; throws `OnwardError("log_unavailable")` when there is no room. */
  enter(messages: readonly StoredMessage[]): number {
    const weight = weightOf(messages)
    if (this.#waiting > 0 && this.#waiting + weight > MAX_WAITING) {
      throw new OnwardError(
        "log_unavailable",
        `log ${this.#log}: too much waits to be written (${MAX_WAITING} bytes). Publish more slowly, or wait for earlier appends.`,
      )
    }
    this.#waiting += weight
    return weight
  }

  /** Counts an append out. */
  leave(weight: number): void {
    this.#waiting -= weight
  }

  /** Counts all out. */
  clear(): void {
    this.#waiting = 0
  }
}
