import type { StoredMessage } from "../../message.ts"
import { checkNames } from "../../options.ts"
import type { Appended } from "../log.ts"
import { Backlog, weightOf } from "./backlog.ts"

/** An append that waits to be written. */
export interface PendingAppend {
  readonly messages: readonly StoredMessage[]
  /** When `append` was called, by `performance.now()`. */
  readonly since: number
}

export interface BatcherOptions {
  /** The name of the log in error messages. */
  readonly log: string
  /** Writes a batch, at least one append, all or none of it. Resolves to the result of each, in order. */
  readonly write: (batch: readonly PendingAppend[]) => Promise<readonly Appended[]>
  /** Most messages of a batch; an append alone can have more. @default 5_000 */
  readonly maxMessages?: number
  /** Largest batch, in the unit of `sizeOf`; an append alone can be larger. @default 4 MiB */
  readonly maxSize?: number | (() => number)
  /** The size of an append. @default its characters, and 256 for each message */
  readonly sizeOf?: (messages: readonly StoredMessage[]) => number
  /** Whether an error of `write` is due to one append. Then each append of the batch is written alone. @default never */
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
 * Creates the `append` of a log that writes one batch at a time: what is appended while a batch is written goes into the next
 * together, as do all appends of one event-loop turn. Rejects with `log_unavailable` when 64 MiB wait.
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
