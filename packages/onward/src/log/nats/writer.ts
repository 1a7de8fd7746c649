import type { Clock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import type { StoredMessage } from "../../message.ts"
import { createBatcher, type PendingAppend } from "../driver/batcher.ts"
import type { Appended } from "../log.ts"
import { sizeOf as bytesOf } from "../driver/retention.ts"
import { cut, encodeBatch } from "./record.ts"

/** Room that the rest of a record takes in a message, in bytes. */
const HEAD = 512

export interface WriterOptions {
  readonly stream: string
  readonly timeout: number
  /** Gives batches their time; undefined leaves it to the server. */
  readonly clock: Clock | undefined
  /** Largest payload of a message, in bytes. */
  readonly maxPayload: () => number
  /** Stores a record; rejects when it was refused, or when `deadline` has come. */
  readonly store: (kind: "batch" | "part", data: Uint8Array, deadline: number, isOver: () => boolean) => Promise<number>
}

export interface Writer {
  append(messages: readonly StoredMessage[]): Promise<Appended>
  /** Tells that a batch was found in the stream; true when it is one of this writer. */
  found(writer: string, number: number, appended: readonly Appended[]): boolean
}

/**
 * Writes appends as batches, one at a time: what is given while one is on its way goes into the next. An append is done
 * when its batch comes back by the stream, because only the stream knows what came before it.
 */
export function createWriter({ stream, timeout, clock, maxPayload, store }: WriterOptions): Writer {
  const writer = crypto.randomUUID().slice(0, 13)
  let number = 0
  let onFound: { readonly number: number; readonly resolve: (appended: readonly Appended[]) => void } | undefined

  const isAway = (): OnwardError =>
    new OnwardError(
      "log_unavailable",
      `log ${stream}: not acknowledged within ${timeout} ms; it may be stored all the same: give messages an \`idempotencyKey\` before trying again`,
    )

  async function write(batch: readonly PendingAppend[]): Promise<readonly Appended[]> {
    // that of the newest append: an append that waited for the batch before waits for its own, too
    const deadline = Math.max(...batch.map(({ since }) => since)) + timeout
    if (performance.now() > deadline) throw isAway()
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
        timer = setTimeout(() => reject(isAway()), deadline - performance.now())
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

/** About what an append takes of a record, in bytes. */
function sizeOf(messages: readonly StoredMessage[]): number {
  let size = 0
  for (const { topic, data, event, id, idempotencyKey: key } of messages)
    size += bytesOf(topic, data, event, id, key) + 32
  return size
}
