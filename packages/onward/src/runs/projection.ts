import type { Ending, Format, FormatMessage, RunInfo } from "./format.ts"
import { wireOf } from "./record.ts"
import type { View } from "./view.ts"

/**
 * A frame, and what it is on the wire, which is made once for all who watch. What came from the log is kept as it was there and read
 * again by who merges: a frame that is an object takes many times the memory of its text.
 */
export class Cell {
  readonly #format: Format
  readonly #frame: unknown
  #message: FormatMessage | undefined

  constructor(format: Format, frame: unknown, message?: FormatMessage) {
    this.#format = format
    this.#frame = frame
    this.#message = message
  }

  get frame(): unknown {
    return this.#frame ?? this.#format.decode(this.message)
  }

  get message(): FormatMessage {
    return (this.#message ??= this.#format.encode(this.#frame))
  }
}

/** A run in one format, made once for all who watch it so here. */
export interface Projection {
  readonly format: Format
  /** The frames of one delta, in this format. */
  frames(index: number): readonly Cell[]
  /** What comes after the last delta. */
  end(ending: Ending): readonly Cell[]
}

/** A run in the format it was written in, or, part by part, in another. */
export function project(view: View, native: Format, format: Format): Projection {
  const follower = native.follow()
  const done: (readonly Cell[])[] = []
  const info: RunInfo = { id: view.id, time: view.fold.opened?.time ?? 0 }
  const write = format.name === native.name ? undefined : format.writer(info)
  let hasEnded = false
  let last: readonly Cell[] | undefined
  const cellOf = (frame: unknown): Cell => new Cell(format, frame)

  function next(index: number): Cell[] {
    const frames: Cell[] = []
    for (const kept of view.delta(index).frames) {
      const message = wireOf(kept)
      const frame = native.decode(message)
      if (frame === undefined) continue
      const parts = follower.take(frame)
      if (!write) frames.push(new Cell(format, undefined, message))
      else {
        for (const part of parts) {
          // a good end that another answer may follow
          if (part.type === "end" && native.isSequence) continue
          hasEnded ||= part.type === "end"
          frames.push(...write(part).map(cellOf))
        }
      }
    }
    return frames
  }

  function frames(index: number): readonly Cell[] {
    while (done.length <= index) done.push(next(done.length))
    return done[index] as readonly Cell[]
  }

  return {
    format,
    frames,
    end({ status, error }) {
      // an end record holds more, which is not for viewers
      const ending: Ending = { status, ...(error && { error }) }
      if (view.fold.isDeleted) {
        done.length = 0
        // by one who has seen nothing: the other may be at an end that not everybody has seen, and knows what is not to be told
        return (write ? format.writer(info)({ type: "end", ending }) : native.follow().end(ending)).map(cellOf)
      }
      // who carries on at the end has looked at no delta, but how to end depends on all
      if (view.count > 0) frames(view.count - 1)
      last ??= (!write ? follower.end(ending) : hasEnded ? [] : write({ type: "end", ending })).map(cellOf)
      return last
    },
  }
}
