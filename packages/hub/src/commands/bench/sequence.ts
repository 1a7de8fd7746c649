/** What the sequences of all subscribers count. */
export interface SequenceCounts {
  delivered: number
  /** Numbers that a later one overtook for good. */
  lost: number
  duplicated: number
  reordered: number
  gaps: number
  /** Numbers that a `stream.gap` stands for. */
  skipped: number
}

/** Checks one subscriber's sequence numbers: each once, in order, from 1. */
export class Sequence {
  last = 0
  readonly #tally: SequenceCounts
  /** Numbers that were jumped over; one that comes later was not lost but out of order. */
  #holes: Set<number> | undefined
  #gap = false

  constructor(tally: SequenceCounts) {
    this.#tally = tally
  }

  /** A `stream.gap` was seen: the next number may be any later one. */
  gap(): void {
    this.#gap = true
    this.#tally.gaps++
  }

  take(number: number): void {
    const tally = this.#tally
    if (number === this.last + 1) {
      this.last = number
      tally.delivered++
    } else if (number > this.last) this.#jump(number)
    else if (this.#holes?.delete(number)) {
      tally.lost--
      tally.reordered++
    } else tally.duplicated++
    this.#gap = false
  }

  #jump(number: number): void {
    const tally = this.#tally
    if (this.#gap) tally.skipped += number - this.last - 1
    else {
      this.#holes ??= new Set()
      for (let hole = this.last + 1; hole < number; hole++) this.#holes.add(hole)
      tally.lost += number - this.last - 1
    }
    this.last = number
    tally.delivered++
  }
}
