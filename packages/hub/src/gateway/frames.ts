import type { Readable } from "node:stream"
import { setImmediate } from "node:timers/promises"
import { OnwardError } from "onward"
import { framesIn, type Format } from "onward/runs"
import { piecesOf } from "./pieces.ts"

/** What an event counts for at least, in bytes: empty events such as `{}` cost memory too. */
export const MIN_EVENT = 128

export interface FramesOptions<F> {
  readonly format: Format<F>
  /** Maximum time until the first event, and between two events, in ms. */
  readonly firstTimeout: number
  readonly idleTimeout: number
  /** Maximum size of a stream, and of one event, in bytes. */
  readonly maxBytes: number
}

/** Maximum time in which events are yielded without a pause, in ms. One chunk of a provider can contain thousands. */
const TURN_MS = 10

/**
 * Yields the frames of a provider's event stream. If it is cut or silent for too long, throws an `OnwardError` that clients may see.
 */
export function framesOf<F>(body: Readable, options: FramesOptions<F>): AsyncGenerator<F> {
  return read(body, piecesOf(body), options)
}

async function* read<F>(
  body: Readable,
  pieces: AsyncIterable<Uint8Array>,
  { format, firstTimeout, idleTimeout, maxBytes }: FramesOptions<F>,
): AsyncGenerator<F> {
  let late = silence("first", firstTimeout)
  let timer = setTimeout(giveUp, firstTimeout)
  let isFirst = true
  let turn = performance.now()
  let taken = 0

  function giveUp(): void {
    body.destroy(late)
  }

  function onEvent(data: string): void {
    if (isFirst) {
      isFirst = false
      clearTimeout(timer)
      late = silence("idle", idleTimeout)
      timer = setTimeout(giveUp, idleTimeout)
    } else timer.refresh()
    taken += Math.max(data.length, MIN_EVENT)
    if (taken > maxBytes) throw TOO_LONG
  }

  try {
    for await (const frame of framesIn(pieces, format, { maxEventBytes: maxBytes, onEvent })) {
      yield frame
      if (performance.now() - turn < TURN_MS) continue
      await setImmediate()
      turn = performance.now()
    }
  } catch (cause) {
    throw cause instanceof OnwardError ? withOption(cause) : cause
  } finally {
    clearTimeout(timer)
    body.destroy()
  }
}

const silence = (which: "first" | "idle", ms: number): OnwardError =>
  new OnwardError(
    "stream_ended",
    `The upstream sent no ${which === "first" ? "event" : "further event"} for ${ms} ms. Retry, or raise --upstream-${which}-timeout.`,
  )

const TOO_LONG = new OnwardError(
  "message_too_large",
  "The upstream's response is longer than the gateway's limit. Request less, or raise --upstream-max-answer.",
)

/** Names the gateway's option, which sets the parser's limit. */
function withOption(cause: OnwardError): OnwardError {
  if (cause.code !== "event_too_large") return cause
  return new OnwardError(
    "message_too_large",
    "An event of the upstream is larger than the gateway's limit. Request less, or raise --upstream-max-answer.",
    { cause },
  )
}
