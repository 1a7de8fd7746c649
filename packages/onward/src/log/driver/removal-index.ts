/** How many sequence numbers share a bucket. */
const BUCKET = 1_024

/**
 * How far entries of each topic were removed, by sequence number. A read finds the topics that lost entries after its position without
 * looking at the others, of which there can be a hundred thousand.
 */
export class RemovalIndex {
  readonly #buckets = new Map<number, Map<string, number>>()
  /** The newest bucket that ever held something. */
  #newest = 0

  /** The newest removed entry of `topic` is now number `to`, after `before`. */
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
    // a reader far behind a sparse log: there are fewer buckets than numbers of buckets
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
