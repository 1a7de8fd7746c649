/** Number of sequence numbers in a bucket. */
const BUCKET = 1_024

/**
 * The newest removed sequence number of each topic, indexed by number. A read finds the topics that lost entries after its position
 * without a search through the others, of which there can be a hundred thousand.
 */
export class RemovalIndex {
  readonly #buckets = new Map<number, Map<string, number>>()
  /** The newest bucket that has had an entry. */
  #newest = 0

  /** Sets the newest removed sequence number of `topic` to `to`. `before` is the previous one. */
  move(topic: string, to: number, before?: number): void {
    const number = Math.floor(to / BUCKET)
    if (before !== undefined && Math.floor(before / BUCKET) !== number) this.delete(topic, before)
    const bucket = this.#buckets.get(number)
    if (bucket) bucket.set(topic, to)
    else this.#buckets.set(number, new Map([[topic, to]]))
    this.#newest = Math.max(this.#newest, number)
  }

  delete(topic: string, to: number): void {
    const number = Math.floor(to / BUCKET)
    const bucket = this.#buckets.get(number)
    if (bucket?.get(topic) !== to) return
    bucket.delete(topic)
    if (bucket.size === 0) this.#buckets.delete(number)
  }

  /** The topics that lost entries after `from`, in no order. */
  *after(from: number): Generator<[topic: string, to: number]> {
    const first = Math.floor(from / BUCKET)
    // a reader far behind in a sparse log: there are fewer buckets than bucket numbers
    if (this.#newest - first >= this.#buckets.size) {
      for (const [number, bucket] of this.#buckets) if (number >= first) yield* after(bucket, from)
      return
    }
    for (let number = first; number <= this.#newest; number++) {
      const bucket = this.#buckets.get(number)
      if (bucket) yield* after(bucket, from)
    }
  }

  clear(): void {
    this.#buckets.clear()
  }
}

function* after(bucket: ReadonlyMap<string, number>, from: number): Generator<[topic: string, to: number]> {
  for (const each of bucket) if (each[1] > from) yield each
}
