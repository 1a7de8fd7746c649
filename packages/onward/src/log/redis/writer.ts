import type { Clock } from "../../clock.ts"
import type { Position, StoredMessage } from "../../message.ts"
import { createBatcher, type PendingAppend } from "../driver/batcher.ts"
import { createEpoch, formatPosition } from "../driver/position.ts"
import type { Appended } from "../log.ts"
import { wordsOf } from "./codec.ts"
import type { Store } from "./store.ts"

/** Most messages and bytes in one call of the script, unless an append alone has more. */
const BATCH_MESSAGES = 1_000
const BATCH_BYTES = 1024 * 1024

export interface WriterOptions {
  /** The limits, as the script takes them. */
  readonly limits: readonly string[]
  /** Gives entries their time; undefined leaves it to the server. */
  readonly clock: Clock | undefined
  /** Called right before appends that stored something resolve. */
  readonly onStored: (newest: Position) => void
  /** Called when there is more to remove than one call could. */
  readonly onBehind: () => void
}

/**
 * Creates the `append` of the log, one call of the script at a time. The calls are numbered, so that a call that a client sends
 * twice, because it does not know whether the first arrived, takes effect once.
 */
export function createWriter(
  store: Store,
  { limits, clock, onStored, onBehind }: WriterOptions,
): (messages: readonly StoredMessage[]) => Promise<Appended> {
  const writer = createEpoch() + createEpoch()
  let number = 0

  async function write(batch: readonly PendingAppend[]): Promise<Appended[]> {
    const time = String(clock?.now() ?? "")
    const calls = batch.flatMap(({ messages }) => [time, String(messages.length), ...messages.flatMap(wordsOf)])
    number += 1
    const { epoch, last, results } = await store.call("append", [...limits, writer, String(number), ...calls])
    const [outcomes, isBehind] = results as [Outcome[], number]
    onStored(formatPosition(epoch, last))
    if (isBehind) onBehind()
    return batch.map(({ messages }, i) => appendedOf(epoch, outcomes[i] as Outcome, messages.length))
  }

  return createBatcher({ log: store.key, write, maxMessages: BATCH_MESSAGES, maxSize: BATCH_BYTES })
}

/** The position before the call, its time, and the sequence numbers: 0 when they are those that follow. */
type Outcome = readonly [previous: string, time: string, sequences: 0 | readonly number[]]

function appendedOf(epoch: string, [before, time, sequences]: Outcome, count: number): Appended {
  const previous = Number(before)
  const positions = Array.from({ length: count }, (_, i) =>
    formatPosition(epoch, sequences ? (sequences[i] as number) : previous + 1 + i),
  )
  return { positions, previous: formatPosition(epoch, previous), time: Number(time) }
}
