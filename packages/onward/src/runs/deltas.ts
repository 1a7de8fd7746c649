import type { Position } from "../message.ts"
import type { KeptFrame } from "./record.ts"

/** The frames of one record. */
export interface Delta {
  readonly position: Position
  readonly frames: readonly KeptFrame[]
}

/**
 * The producer's frames, by record. There is a record for almost every token of a watched run, so they are kept without an object each, and
 * without a list if there is one frame.
 */
export class Deltas {
  readonly #positions: Position[] = []
  /** A text is one frame; a list is any number. */
  readonly #frames: (string | readonly KeptFrame[])[] = []

  get length(): number {
    return this.#positions.length
  }

  /** The position of the newest record. */
  get end(): Position | undefined {
    return this.#positions.at(-1)
  }

  add(position: Position, frames: readonly KeptFrame[]): void {
    const [only] = frames
    this.#positions.push(position)
    this.#frames.push(frames.length === 1 && typeof only === "string" ? only : frames)
  }

  at(index: number): Delta | undefined {
    const position = this.#positions[index]
    const frames = this.#frames[index]
    if (position === undefined || frames === undefined) return undefined
    return { position, frames: typeof frames === "string" ? [frames] : frames }
  }

  /** The index of the record at a position; -1 if the run has no such record. */
  indexOf(position: Position): number {
    return this.#positions.lastIndexOf(position)
  }

  /** Removes the frames. The records stay, because viewers have positions in the list. */
  clear(): void {
    // one list for all: nothing is added to it
    const none: readonly never[] = []
    for (const index of this.#frames.keys()) this.#frames[index] = none
  }
}
