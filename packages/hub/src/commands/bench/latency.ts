/** Each power of two is divided into this many steps (itself one), so that a percentile is exact within 3 %. */
const STEPS = 32
const BITS = 5

/** A histogram of durations: constant memory, and a few integer instructions a sample. */
export class Latency {
  /** By microseconds: up to 2 × STEPS one slot each, then STEPS slots for each power of two. */
  readonly #counts = new Float64Array(32 * STEPS)
  #samples = 0
  #max = 0

  add(nanoseconds: number, times = 1): void {
    const microseconds = (nanoseconds / 1000) | 0
    const shift = Math.max(0, 31 - BITS - Math.clz32(microseconds))
    const slot = (shift << BITS) + (microseconds >>> shift)
    this.#counts[slot] = (this.#counts[slot] as number) + times
    this.#samples += times
    if (nanoseconds > this.#max) this.#max = nanoseconds
  }

  /** The duration in milliseconds that the share `quantile` of all samples did not exceed; 0 without samples. */
  quantile(quantile: number): number {
    const wanted = this.#samples * quantile
    let seen = 0
    for (let slot = 0; slot < this.#counts.length; slot++) {
      seen += this.#counts[slot] as number
      if (seen <= wanted) continue
      const shift = Math.max(0, (slot >> BITS) - 1)
      // the middle of the slot, which can be above the longest duration in it
      return Math.min(this.max, ((slot - (shift << BITS) + 0.5) * 2 ** shift) / 1000)
    }
    return this.#max / 1e6
  }

  /** The longest duration in milliseconds. */
  get max(): number {
    return this.#max / 1e6
  }
}
