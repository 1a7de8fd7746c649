import { seededRandom } from "../../../src/seeded-random.ts"

/** Seeded chance: the same seed gives the same run, bit for bit. */
export class Chance {
  /** A number in [0, 1). */
  readonly next: () => number

  constructor(seed: number) {
    this.next = seededRandom(seed)
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.next() * below)
  }

  /** True `percent` times in a hundred. */
  percent(percent: number): boolean {
    return this.next() * 100 < percent
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }
}
