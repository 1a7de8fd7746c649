import { RemovalIndex } from "./removal-index.ts"

/** Most topics without kept entries whose marks are remembered one by one. */
export const MAX_REMOVED_POSITIONS = 10_000

/** How far entries of a topic have been removed. */
export interface RemovedPosition {
  /** Nothing of the topic above this sequence number was removed; 0 when nothing was. */
  readonly to: number
  /** False when the topic's own mark, if it had one, is forgotten: `to` is then true of any topic without a mark. */
  readonly isOwn: boolean
}

/**
 * The marks of topics that have no kept entries any more. A log sees topics without end, so when there are too many the
 * smallest marks are folded into one floor, which then stands for every topic that is not in the table.
 */
export class RemovedPositions {
  readonly #marks: Map<string, number>
  readonly #index = new RemovalIndex()
  #floor: number

  /** Begins with marks that others told. */
  constructor(marks: Iterable<readonly [topic: string, to: number]> = [], floor = 0) {
    this.#marks = new Map(marks)
    for (const [topic, to] of this.#marks) this.#index.move(topic, to)
    this.#floor = floor
  }

  get floor(): number {
    return this.#floor
  }

  get(topic: string): RemovedPosition {
    const to = this.#marks.get(topic)
    return to === undefined ? { to: this.#floor, isOwn: false } : { to, isOwn: true }
  }

  set(topic: string, to: number): void {
    this.#index.move(topic, to, this.#marks.get(topic))
    this.#marks.set(topic, to)
    if (this.#marks.size > MAX_REMOVED_POSITIONS) this.#fold()
  }

  delete(topic: string): void {
    const to = this.#marks.get(topic)
    if (to === undefined) return
    this.#marks.delete(topic)
    this.#index.delete(topic, to)
  }

  /** The marks above `from`, in no order. Looks at few others. */
  after(from: number): Iterable<[topic: string, to: number]> {
    return this.#index.after(from)
  }

  [Symbol.iterator](): IterableIterator<[topic: string, to: number]> {
    return this.#marks.entries()
  }

  /** Folds a tenth at once, so that sorting is paid for once in a thousand topics. No two topics have the same number. */
  #fold(): void {
    const floor = Float64Array.from(this.#marks.values()).sort()[MAX_REMOVED_POSITIONS / 10 - 1] as number
    for (const [topic, to] of this.#marks) {
      if (to > floor) continue
      this.#marks.delete(topic)
      this.#index.delete(topic, to)
    }
    this.#floor = Math.max(this.#floor, floor)
  }
}
