import type { Readable } from "node:stream"
import { setImmediate } from "node:timers/promises"
import { OnwardError } from "onward"
import { framesIn, type Format } from "onward/runs"
import { piecesOf } from "./pieces.ts"

export interface FramesOptions<F> {
  readonly format: Format<F>
  /** Longest wait for the first event, and between two, in ms. */
  readonly firstTimeout: number
  readonly idleTimeout: number
  /** Longest stream, and largest event of one, in bytes. */
  readonly maxBytes: number
}

/** How long events are handed on without a pause, in ms: what one piece of a provider holds may be thousands. */
const TURN_MS = 10

/**
 * The frames of a provider's event stream. Throws `OnwardError` when it is cut off or silent for too long, to be told to clients as it is.
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
    taken += data.length
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
    throw cause instanceof OnwardError ? toldOf(cause) : cause
  } finally {
    clearTimeout(timer)
    body.destroy()
  }
}

const silence = (which: "first" | "idle", ms: number): OnwardError =>
  new OnwardError(
    "stream_ended",
    `the upstream sent no ${which === "first" ? "event" : "further event"} for ${ms} ms: ask again, or raise --upstream-${which}-timeout`,
  )

const TOO_LONG = new OnwardError(
  "message_too_large",
  "the upstream's answer is longer than the gateway takes: ask for less, or raise --upstream-max-answer",
)

/** The limit of the parser is an option here. */
function toldOf(cause: OnwardError): OnwardError {
  if (cause.code !== "event_too_large") return cause
  return new OnwardError(
    "message_too_large",
    "an event of the upstream is larger than the gateway takes: ask for less, or raise --upstream-max-answer",
    { cause },
  )
}
