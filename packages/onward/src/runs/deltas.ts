import type { Position } from "../message.ts"
import type { KeptFrame } from "./delta-data.ts"
import { framesOfDelta } from "./record.ts"

/**
 * The producer's frames, by record. There is a record for almost every token of a watched run, so there is no object for it: only its position
 * and its data, whose texts a log in memory keeps too. The data is decoded when frames are requested.
 */
export class Deltas {
  readonly #positions: Position[] = []
  readonly #data: string[] = []
  /** The frames of the newest record, which live viewers request at once. */
  #last: readonly KeptFrame[] = []

  get length(): number {
    return this.#positions.length
  }

  /** The position of the newest record. */
  get end(): Position | undefined {
    return this.#positions.at(-1)
  }

  /** Adds the data of a delta record, and the frames in it. */
  add(position: Position, data: string, frames: readonly KeptFrame[]): void {
    this.#positions.push(position)
    this.#data.push(data)
    this.#last = frames
  }

  /** The frames of a record; undefined if the run has none with this index. */
  frames(index: number): readonly KeptFrame[] | undefined {
    if (index === this.#data.length - 1) return this.#last
    const data = this.#data[index]
    return data === undefined ? undefined : framesOfDelta(data)
  }

  positionOf(index: number): Position | undefined {
    return this.#positions[index]
  }

  /** The index of the record at a position; -1 if the run has no such record. */
  indexOf(position: Position): number {
    return this.#positions.lastIndexOf(position)
  }

  /** Removes the frames. The records stay, because viewers have positions in the list. */
  clear(): void {
    this.#data.fill("")
    this.#last = []
  }
}
