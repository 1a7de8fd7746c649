import { systemClock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import { parse } from "../protocol/index.ts"
import { iteratorOf } from "../stream-iterator.ts"
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

/** Ends the last event of a body: some providers, and connections that are cut, omit the empty line after it. */
const EMPTY_LINE = new Uint8Array([0x0a, 0x0a])

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
  const pieces = iteratorOf(body)
  /** How the body has ended. */
  let ending: Promise<IteratorResult<Uint8Array>> | undefined
  const end = (how: typeof ending): IteratorResult<Uint8Array> => {
    ending = how
    ending?.catch(() => {})
    return { done: false, value: EMPTY_LINE }
  }
  const next = (): Promise<IteratorResult<Uint8Array>> =>
    ending ??
    pieces.next().then(
      (result) => (result.done ? end(Promise.resolve(result)) : result),
      (error: unknown) => end(Promise.reject(error)),
    )
  const iterator = {
    next,
    return: async () => (await pieces.return?.()) ?? ({ done: true, value: undefined } as const),
  }
  const events = parse({ [Symbol.asyncIterator]: () => iterator }, { maxEventBytes })
  const turns = turnsOf(systemClock)
  let skipped = 0
  let isTold = false

  function decoded(event: string, data: string): F | undefined {
    try {
      return format.decode(event === "message" ? { data } : { event, data })
    } catch (error) {
      // an event that was cut is no mistake of the provider
      if (!isTold && !ending) onSkip?.(error)
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
      if (isTerminator(data, format.terminator)) return void (yield format.terminator as F)
      const frame = decoded(event, data)
      skipped = frame === undefined ? skipped + 1 : 0
      if (frame !== undefined) yield frame
      else if (turns.isOver) await turns.next()
    }
  } finally {
    events.return?.().catch(() => {})
  }
}

/** Some providers send white space around `[DONE]`. */
const isTerminator = (data: string, terminator: string | undefined): boolean =>
  terminator !== undefined && data.length < terminator.length + 8 && data.trim() === terminator
