import type { Clock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import type { StoredMessage } from "../../message.ts"
import { Backlog } from "../backlog.ts"
import type { Appended } from "../log.ts"
import { sizeOf } from "../retention.ts"
import { cut, encodeBatch } from "./record.ts"

/** Room that the rest of a record takes in a message, in bytes. */
const HEAD = 512

interface Call {
  readonly messages: readonly StoredMessage[]
  /** About what it takes of a record, in bytes. */
  readonly size: number
  readonly weight: number
  readonly deadline: number
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: unknown) => void
}

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
  const calls: Call[] = []
  let number = 0
  const backlog = new Backlog(stream)
  let isWriting = false
  let onFound: { readonly number: number; readonly resolve: (appended: readonly Appended[]) => void } | undefined

  const isAway = (): OnwardError =>
    new OnwardError(
      "log_unavailable",
      `log ${stream}: not acknowledged within ${timeout} ms; it may be stored all the same: give messages an \`idempotencyKey\` before trying again`,
    )

  async function append(messages: readonly StoredMessage[]): Promise<Appended> {
    const weight = backlog.enter(messages)
    let size = 0
    for (const { topic, data, event, id, idempotencyKey: key } of messages)
      size += sizeOf(topic, data, event, id, key) + 32
    return new Promise((resolve, reject) => {
      calls.push({ messages, size, weight, deadline: performance.now() + timeout, resolve, reject })
      if (isWriting) return
      isWriting = true
      // what is appended in the same turn goes into one batch
      queueMicrotask(() => void writeAll())
    })
  }

  async function writeAll(): Promise<void> {
    while (calls.length > 0) {
      const batch = takeBatch()
      try {
        const appended = await write(batch)
        for (const [i, call] of batch.entries()) call.resolve(appended[i] as Appended)
      } catch (error) {
        for (const call of batch) call.reject(error)
      }
      for (const { weight } of batch) backlog.leave(weight)
    }
    isWriting = false
  }

  /** As many calls as fit into one message, or one that does not. */
  function takeBatch(): Call[] {
    const room = maxPayload() - HEAD
    let size = 0
    let count = 0
    for (const call of calls) {
      size += call.size
      if (count > 0 && size > room) break
      count += 1
    }
    return calls.splice(0, count)
  }

  async function write(batch: readonly Call[]): Promise<readonly Appended[]> {
    // theirs who came last: a call that waited for another batch waits for its own, too
    const deadline = Math.max(...batch.map((call) => call.deadline))
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
    append,
    found(from, which, appended) {
      if (from === writer && which === onFound?.number) onFound.resolve(appended)
      return from === writer
    },
  }
}
