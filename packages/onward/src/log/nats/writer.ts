import type { Clock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import type { StoredMessage } from "../../message.ts"
import { createBatcher, type PendingAppend } from "../driver/batcher.ts"
import type { Appended } from "../log.ts"
import { sizeOf as bytesOf } from "../driver/retention.ts"
import { cut, encodeBatch } from "./record.ts"

/** Space for the other parts of a record in a message, in bytes. */
const HEAD = 512

export interface WriterOptions {
  readonly stream: string
  readonly timeout: number
  /** The clock for the time of batches. Undefined: the clock of the server. */
  readonly clock: Clock | undefined
  /** Maximum payload of a message, in bytes. */
  readonly maxPayload: () => number
  /** Stores a record. Rejects when it was refused, or at `deadline`. */
  readonly store: (kind: "batch" | "part", data: Uint8Array, deadline: number, isOver: () => boolean) => Promise<number>
}

export interface Writer {
  append(messages: readonly StoredMessage[]): Promise<Appended>
  /** Reports a batch that was found in the stream. Returns true for a batch of this writer. */
  found(writer: string, number: number, appended: readonly Appended[]): boolean
}

/**
 * Creates a writer, which writes appends in batches, one at a time. Appends that arrive while a batch is being written form the next one.
 * An append resolves when its batch arrives from the stream, because only the order of the stream decides its result.
 */
export function createWriter({ stream, timeout, clock, maxPayload, store }: WriterOptions): Writer {
  const writer = crypto.randomUUID().slice(0, 13)
  let number = 0
  let onFound: { readonly number: number; readonly resolve: (appended: readonly Appended[]) => void } | undefined

  const lateError = (): OnwardError =>
    new OnwardError(
      "log_unavailable",
      `log ${stream}: not acknowledged within ${timeout} ms, and possibly stored. Retry with an \`idempotencyKey\`.`,
    )

  async function write(batch: readonly PendingAppend[]): Promise<readonly Appended[]> {
    // the deadline of the newest append: an append that waited for the previous batch also waits for its own
    const deadline = Math.max(...batch.map(({ since }) => since)) + timeout
    if (performance.now() > deadline) throw lateError()
    number += 1
    const mine = number
    const time = clock ? { time: clock.now() } : {}
    const data = encodeBatch({ writer, number: mine, ...time, calls: batch.map(({ messages }) => messages) })
    const room = maxPayload()
    const pieces = data.length <= room ? [data] : cut(writer, mine, data, room - HEAD)

    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined
    try {
      return await new Promise((resolve, reject) => {
        onFound = { number: mine, resolve }
        timer = setTimeout(() => reject(lateError()), deadline - performance.now())
        const send = async (): Promise<void> => {
          for (const piece of pieces) {
            await store(pieces.length === 1 ? "batch" : "part", piece, deadline, () => isOver)
          }
        }
        send().catch(reject)
      })
    } finally {
      isOver = true
      clearTimeout(timer)
      onFound = undefined
    }
  }

  return {
    append: createBatcher({ log: stream, write, sizeOf, maxSize: () => maxPayload() - HEAD, maxMessages: Infinity }),
    found(from, which, appended) {
      if (from === writer && which === onFound?.number) onFound.resolve(appended)
      return from === writer
    },
  }
}

/** The approximate size of an append in a record, in bytes. */
function sizeOf(messages: readonly StoredMessage[]): number {
  let size = 0
  for (const { topic, data, event, id, idempotencyKey: key } of messages)
    size += bytesOf(topic, data, event, id, key) + 32
  return size
}
