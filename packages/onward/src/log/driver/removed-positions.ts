import { RemovalIndex } from "./removal-index.ts"

/** Maximum number of topics without kept entries whose newest removed position is remembered individually. */
export const MAX_REMOVED_POSITIONS = 10_000

/** How far the entries of a topic were removed. */
export interface RemovedPosition {
  /** The newest removed sequence number of the topic, or 0: no later entry was removed. */
  readonly to: number
  /** False when the topic is not remembered individually: `to` is then an upper bound for all such topics. */
  readonly isOwn: boolean
}

/**
 * The newest removed sequence numbers of topics without kept entries, called marks. Topics are unlimited, so over
 * {@link MAX_REMOVED_POSITIONS} the smallest marks are merged into one floor, which applies to every topic that has no mark.
 */
export class RemovedPositions {
  readonly #marks: Map<string, number>
  readonly #index = new RemovalIndex()
  #floor: number

  /** Starts with the given marks and floor. */
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
    if (this.#marks.size > MAX_REMOVED_POSITIONS) this.#merge()
  }

  delete(topic: string): void {
    const to = this.#marks.get(topic)
    if (to === undefined) return
    this.#marks.delete(topic)
    this.#index.delete(topic, to)
  }

  /** The marks after `from`, in no order, without a search through all others. */
  after(from: number): Iterable<[topic: string, to: number]> {
    return this.#index.after(from)
  }

  [Symbol.iterator](): IterableIterator<[topic: string, to: number]> {
    return this.#marks.entries()
  }

  /** Merges a tenth of the marks at once, so that one sort serves a thousand topics. No two topics have the same number. */
  #merge(): void {
    const floor = Float64Array.from(this.#marks.values()).sort()[MAX_REMOVED_POSITIONS / 10 - 1] as number
    for (const [topic, to] of this.#marks) {
      if (to > floor) continue
      this.#marks.delete(topic)
      this.#index.delete(topic, to)
    }
    this.#floor = Math.max(this.#floor, floor)
  }
}
