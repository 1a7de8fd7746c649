import type { Clock } from "../../clock.ts"
import type { Position, StoredMessage } from "../../message.ts"
import { createBatcher, type PendingAppend } from "../driver/batcher.ts"
import { createEpoch, formatPosition } from "../driver/position.ts"
import type { Appended } from "../log.ts"
import { wordsOf } from "./codec.ts"
import type { Store } from "./store.ts"

/** Maximum number of messages and bytes in one call of the script. A single append can have more. */
const BATCH_MESSAGES = 1_000
const BATCH_BYTES = 1024 * 1024

export interface WriterOptions {
  /** The limits, encoded for the script. */
  readonly limits: readonly string[]
  /** The clock for the time of entries. Undefined: the clock of the server. */
  readonly clock: Clock | undefined
  /** Called just before appends that stored entries resolve. */
  readonly onStored: (newest: Position) => void
  /** Called when retention has more to remove than one call can. */
  readonly onBehind: () => void
}

/**
 * Creates the `append` function of the log, which calls the script one batch at a time. Batches are numbered: a client that lost its
 * connection can send a batch twice, and it takes effect once.
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

/** The sequence number before the append, its time, and its sequence numbers: 0 when they directly follow the first. */
type Outcome = readonly [previous: string, time: string, sequences: 0 | readonly number[]]

function appendedOf(epoch: string, [before, time, sequences]: Outcome, count: number): Appended {
  const previous = Number(before)
  const positions = Array.from({ length: count }, (_, i) =>
    formatPosition(epoch, sequences ? (sequences[i] as number) : previous + 1 + i),
  )
  return { positions, previous: formatPosition(epoch, previous), time: Number(time) }
}
