import type { Clock } from "../../src/clock.ts"
import { Chance } from "../hub/simulation/chance.ts"

interface Timer {
  readonly at: number
  readonly run: () => void
}

/** A clock that stands still until it is told. Turns of the event loop end when `settle` says so. */
export class VirtualClock implements Clock {
  readonly #chance = new Chance(42)
  readonly #timers = new Set<Timer>()
  #turns: (() => void)[] = []
  #now = 1_700_000_000_000
  readonly #quiet: () => Promise<void>

  /** @param options.quiet resolves once nothing is under way @default a turn of the event loop later */
  constructor({ quiet = () => new Promise<void>((resolve) => setImmediate(resolve)) } = {}) {
    this.#quiet = quiet
  }

  now(): number {
    return this.#now
  }

  after(delay: number, run: () => void): () => void {
    const timer = { at: this.#now + delay, run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  hold(): () => void {
    return () => {}
  }

  turn(run: () => void): void {
    this.#turns.push(run)
  }

  random(): number {
    return this.#chance.next()
  }

  /** Timers that are still to come. */
  get timers(): number {
    return this.#timers.size
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    do {
      const turns = this.#turns
      this.#turns = []
      for (const run of turns) run()
      await this.#quiet()
    } while (this.#turns.length > 0)
  }

  /** Lets time pass, each timer at its moment, and all that follows from it. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms
    await this.settle()
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0]
      if (!next || next.at > until) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
      await this.settle()
    }
    this.#now = until
  }
}
