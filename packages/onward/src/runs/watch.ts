import { OnwardError } from "../errors.ts"
import type { Format } from "./format.ts"
import type { Projection } from "./projection.ts"
import type { SeenEnding, View } from "./view.ts"

/** A frame, and the id to carry on after it; undefined for what the log does not have. */
export interface Step {
  readonly id: string | undefined
  readonly frame: unknown
}

/** How many deltas have been seen, and how many frames of the next; deltas and then the end count. */
export interface Cursor {
  readonly delta: number
  readonly frame: number
}

export const BEGINNING: Cursor = { delta: 0, frame: 0 }

/** An id is the position of a record, and for a frame that is not the last of it, how many of its frames have been seen. */
const ID = /^([^.]+)(?:\.(\d{1,6}))?$/

const idOf = (position: string | undefined, frame: number, count: number): string | undefined =>
  position === undefined || frame === count ? position : `${position}.${frame}`

/**
 * Where an id of a run lies in it.
 * @throws OnwardError `invalid_start` for an id that this run never gave
 */
export function cursorOf(view: View, id: string): Cursor {
  const { opened, deltas, ended } = view.fold
  const [, position, frames] = ID.exec(id) ?? []
  if (position !== undefined) {
    if (position === opened?.position) return BEGINNING
    const at = position === ended?.position ? deltas.length : deltas.findLastIndex((each) => each.position === position)
    if (at >= 0) return frames === undefined ? { delta: at + 1, frame: 0 } : { delta: at, frame: Number(frames) }
  }
  throw new OnwardError("invalid_start", "this id is not one of this run: ask without it to begin at the beginning")
}

/** Whether a client at `cursor` has had everything, the end included. */
export const isPastEnd = (view: View, { delta }: Cursor): boolean =>
  view.fold.ended !== undefined && delta > view.fold.deltas.length

export interface WatchOptions {
  readonly from: Cursor
  /** Whether frames that wait are merged. */
  readonly isMerged: boolean
  readonly signal: AbortSignal | undefined
  /** The id of the end, on its last frame; also told when the end has no frame. */
  readonly onEnd?: (ending: SeenEnding) => void
}

/**
 * The frames of a run from a cursor to its end, at the pace of whoever asks: what has piled up since they last did comes merged.
 * Ends silently once `signal` is aborted.
 */
export async function* watch(view: View, projection: Projection, options: WatchOptions): AsyncGenerator<Step> {
  const { signal, isMerged, onEnd } = options
  const { format } = projection
  let { delta, frame } = options.from
  const hadAll = isPastEnd(view, options.from)
  let wake: (() => void) | undefined
  const rouse = (): void => wake?.()
  const unlisten = view.listen(rouse)
  signal?.addEventListener("abort", rouse)

  function take(): Step[] {
    const steps: Step[] = []
    for (const count = view.count; delta < count; delta++, frame = 0) {
      const frames = projection.frames(delta)
      const { position } = view.delta(delta)
      for (; frame < frames.length; frame++) {
        steps.push({ id: idOf(position, frame + 1, frames.length), frame: frames[frame] })
      }
    }
    return steps
  }

  try {
    for (;;) {
      if (signal?.aborted) return
      const steps = take()
      const { ending } = view
      if (steps.length > 0) yield* isMerged ? merged(steps, format) : steps
      else if (ending) {
        if (!hadAll) yield* terminal(ending, projection, frame)
        onEnd?.(ending)
        return
      } else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    unlisten()
    signal?.removeEventListener("abort", rouse)
  }
}

function* terminal(ending: SeenEnding, projection: Projection, seen: number): Generator<Step> {
  const { status, error, position } = ending
  const frames = projection.end({ status, ...(error && { error }) })
  for (let at = seen; at < frames.length; at++) {
    yield { id: idOf(position, at + 1, frames.length), frame: frames[at] }
  }
}

/** Neighbours as one where the format allows it. What has an id and what has none stay apart, or resuming would repeat text. */
function* merged(steps: readonly Step[], format: Format): Generator<Step> {
  let waiting: Step | undefined
  for (const step of steps) {
    const both =
      waiting && (waiting.id === undefined) === (step.id === undefined)
        ? format.merge(waiting.frame, step.frame)
        : undefined
    if (waiting && both === undefined) yield waiting
    waiting = both === undefined ? step : { id: step.id, frame: both }
  }
  if (waiting) yield waiting
}
