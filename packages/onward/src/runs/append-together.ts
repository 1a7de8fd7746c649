import { OnwardError } from "../errors.ts"
import type { LogInternals } from "../hub/index.ts"
import type { StoredMessage } from "../message.ts"

/** Most messages, and most characters of data, that are appended with those of other calls. */
const MAX_MESSAGES = 8
const MAX_CHARS = 65_536

interface Call {
  readonly messages: readonly StoredMessage[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Creates an `append` that stores the messages of calls in one turn together: most records are small, so what an append costs besides them
 * matters. A call whose messages the log refuses does not affect the others.
 */
export function appendTogether({
  append,
}: Pick<LogInternals, "append">): (messages: readonly StoredMessage[]) => Promise<void> {
  let calls: Call[] = []
  let count = 0
  let chars = 0

  function send(): void {
    const batch = calls
    calls = []
    count = chars = 0
    if (batch.length > 0) void store(batch)
  }

  async function store(batch: readonly Call[]): Promise<void> {
    try {
      await append(batch.length === 1 ? (batch[0] as Call).messages : batch.flatMap(({ messages }) => messages))
    } catch (error) {
      const isOfAll = batch.length === 1 || (error instanceof OnwardError && error.retryable)
      for (const call of batch) if (isOfAll) call.reject(error)
      if (!isOfAll) for (const call of batch) void store([call])
      return
    }
    for (const { resolve } of batch) resolve()
  }

  return (messages) =>
    new Promise((resolve, reject) => {
      for (const { data } of messages) chars += data.length
      count += messages.length
      if (calls.push({ messages, resolve, reject }) === 1) queueMicrotask(send)
      if (count >= MAX_MESSAGES || chars >= MAX_CHARS) send()
    })
}
