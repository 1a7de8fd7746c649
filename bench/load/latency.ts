/** Each power of two is divided into this many steps, so that a percentile is exact within 3 %. */
const STEPS = 32

/** A histogram of durations in nanoseconds: constant memory, one increment a sample. */
export class Latency {
  readonly #counts = new Float64Array(64 * STEPS)
  #samples = 0
  #max = 0

  add(nanoseconds: number, times = 1): void {
    const value = nanoseconds < STEPS ? STEPS : nanoseconds
    const power = Math.floor(Math.log2(value))
    const slot = power * STEPS + Math.floor((value / 2 ** power - 1) * STEPS)
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
      if (seen > wanted) return (2 ** Math.floor(slot / STEPS) * (1 + ((slot % STEPS) + 0.5) / STEPS)) / 1e6
    }
    return this.#max / 1e6
  }

  /** The longest duration in milliseconds. */
  get max(): number {
    return this.#max / 1e6
  }
}
