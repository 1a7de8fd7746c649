import type { StoredMessage } from "../../message.ts"
import { checkNames } from "../../options.ts"
import type { Appended } from "../log.ts"
import { Backlog, weightOf } from "./backlog.ts"

/** An append that is not written yet. */
export interface PendingAppend {
  readonly messages: readonly StoredMessage[]
  /** When `append` was called, in the time of `performance.now()`. */
  readonly since: number
}

export interface BatcherOptions {
  /** The name of the log in error messages. */
  readonly log: string
  /** Writes a batch of at least one append, all or nothing. Resolves to the result of each append, in order. */
  readonly write: (batch: readonly PendingAppend[]) => Promise<readonly Appended[]>
  /** Maximum number of messages in a batch. A single append can have more. @default 5_000 */
  readonly maxMessages?: number
  /** Maximum size of a batch, in the unit of `sizeOf`. A single append can be larger. @default 4 MiB */
  readonly maxSize?: number | (() => number)
  /** Returns the size of an append. @default its characters, plus 256 for each message */
  readonly sizeOf?: (messages: readonly StoredMessage[]) => number
  /** Returns true if one append of the batch caused the error. Then each append is written alone. @default never */
  readonly isOfOneAppend?: (error: unknown) => boolean
}

const OPTIONS = ["log", "write", "maxMessages", "maxSize", "sizeOf", "isOfOneAppend"]

interface Call extends PendingAppend {
  readonly size: number
  readonly weight: number
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: unknown) => void
}

/**
 * Creates the `append` function of a log that writes one batch at a time. Appends of the same event-loop turn form a batch, and so do
 * appends that arrive while a batch is being written. Rejects with `log_unavailable` when 64 MiB are pending.
 */
export function createBatcher(options: BatcherOptions): (messages: readonly StoredMessage[]) => Promise<Appended> {
  checkNames("createBatcher", options, OPTIONS)
  const { log, write, maxMessages = 5_000, maxSize = 4 * 1024 * 1024, sizeOf = weightOf } = options
  const { isOfOneAppend = () => false } = options
  const backlog = new Backlog(log)
  let calls: Call[] = []
  let isWriting = false

  async function writeAll(): Promise<void> {
    while (calls.length > 0) {
      const batch = takeBatch()
      await settle(batch)
      for (const { weight } of batch) backlog.leave(weight)
    }
    isWriting = false
  }

  function takeBatch(): Call[] {
    const room = typeof maxSize === "number" ? maxSize : maxSize()
    let size = 0
    let messages = 0
    let count = 0
    for (const call of calls) {
      size += call.size
      messages += call.messages.length
      if (count > 0 && (size > room || messages > maxMessages)) break
      count += 1
    }
    const batch = calls.slice(0, count)
    calls = calls.slice(count)
    return batch
  }

  async function settle(batch: readonly Call[]): Promise<void> {
    try {
      const appended = await write(batch)
      for (const [i, call] of batch.entries()) call.resolve(appended[i] as Appended)
    } catch (error) {
      if (batch.length > 1 && isOfOneAppend(error)) {
        for (const call of batch) await settle([call])
        return
      }
      for (const call of batch) call.reject(error)
    }
  }

  return async (messages) => {
    const weight = backlog.enter(messages)
    const size = sizeOf === weightOf ? weight : sizeOf(messages)
    return new Promise((resolve, reject) => {
      calls.push({ messages, since: performance.now(), size, weight, resolve, reject })
      if (isWriting) return
      isWriting = true
      queueMicrotask(() => void writeAll())
    })
  }
}
