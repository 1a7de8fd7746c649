import { systemClock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import { parse } from "../protocol/index.ts"
import { turnsOf } from "../turns.ts"
import type { Format } from "./format.ts"

export interface FramesOptions {
  /** Maximum size of an event, in bytes. @default 16 MiB */
  readonly maxEventBytes?: number
  /** Called with the data of each event before it is decoded. If it throws, the iteration fails. @default none */
  readonly onEvent?: (data: string) => void
  /** Called with the error of the first event that is not a frame of the format. Such events are skipped. @default none */
  readonly onSkip?: (error: unknown) => void
}

/** Maximum number of consecutive events that are not frames: a source that sends nothing else has another format. */
const MAX_SKIPPED = 10_000

/**
 * Iterates over the frames in the body of a provider's response, up to its end or the format's terminator (`[DONE]`), which is the last
 * frame. Errors of the connection after it are ignored. An event that is not a frame (empty data, `ping`, `null`) is skipped.
 * @throws OnwardError `stream_ended` when the body is cut off, `event_too_large`, `source_failed` when only such events arrive
 */
export async function* framesIn<F>(
  body: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
  format: Format<F>,
  { maxEventBytes, onEvent, onSkip }: FramesOptions = {},
): AsyncGenerator<F, undefined> {
  const events = parse(body, { maxEventBytes })
  const turns = turnsOf(systemClock)
  let skipped = 0
  let isTold = false

  function decoded(event: string, data: string): F | undefined {
    try {
      return format.decode(event === "message" ? { data } : { event, data })
    } catch (error) {
      if (!isTold) onSkip?.(error)
      isTold = true
      if (skipped >= MAX_SKIPPED) throw error
      return undefined
    }
  }

  try {
    for (;;) {
      const { done, value } = await events.next().catch((cause: unknown) => {
        if (cause instanceof OnwardError) throw cause
        throw new OnwardError(
          "stream_ended",
          "The connection to the provider was lost before the response ended. Start another run.",
          { cause },
        )
      })
      if (done) return
      const { event, data } = value
      onEvent?.(data)
      if (data === format.terminator) return void (yield data as F)
      const frame = decoded(event, data)
      skipped = frame === undefined ? skipped + 1 : 0
      if (frame !== undefined) yield frame
      else if (turns.isOver) await turns.next()
    }
  } finally {
    events.return?.().catch(() => {})
  }
}
