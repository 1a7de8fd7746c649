import { systemClock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import { parse } from "../protocol/index.ts"
import { turnsOf } from "../turns.ts"
import type { Format } from "./format.ts"

export interface FramesOptions {
  /** Largest event, in bytes. @default 16 MiB */
  readonly maxEventBytes?: number
  /** Told the data of each event before it is decoded. What it throws ends the answer. @default not told */
  readonly onEvent?: (data: string) => void
  /** Told of the first event that is not a frame of the format. Such events are skipped. @default not told */
  readonly onSkip?: (error: unknown) => void
}

/** Most events in a row that are not frames: a source that sends nothing else is not of this format. */
const MAX_SKIPPED = 10_000

/**
 * The frames in the body of a provider's answer, up to its end or the format's terminator (`[DONE]`), which is the last frame given: what
 * the connection does after it does not matter. An event that is not a frame (empty data, `ping`, `null`) does not end the answer.
 * Fails with `stream_ended` when the body is cut off, `event_too_large`, or `source_failed` when nothing but such events comes.
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
        throw new OnwardError("stream_ended", "the provider's answer was cut off", { cause })
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
