import type { Position } from "../message.ts"
import type { KeptFrame } from "./delta-data.ts"
import { framesOfDelta } from "./record.ts"

/** The frames of one record. */
export interface Delta {
  readonly position: Position
  readonly frames: readonly KeptFrame[]
}

/**
 * The producer's frames, by record. There is a record for almost every token of a watched run, so there is no object for it: only its position
 * and its data, whose texts a log in memory keeps too. The data is decoded when frames are requested.
 */
export class Deltas {
  readonly #positions: Position[] = []
  readonly #data: string[] = []

  get length(): number {
    return this.#positions.length
  }

  /** The position of the newest record. */
  get end(): Position | undefined {
    return this.#positions.at(-1)
  }

  /** @param data the data of a delta record */
  add(position: Position, data: string): void {
    this.#positions.push(position)
    this.#data.push(data)
  }

  at(index: number): Delta | undefined {
    const position = this.#positions[index]
    const data = this.#data[index]
    return position === undefined || data === undefined ? undefined : { position, frames: framesOfDelta(data) }
  }

  /** The index of the record at a position; -1 if the run has no such record. */
  indexOf(position: Position): number {
    return this.#positions.lastIndexOf(position)
  }

  /** Removes the frames. The records stay, because viewers have positions in the list. */
  clear(): void {
    this.#data.fill("")
  }
}
