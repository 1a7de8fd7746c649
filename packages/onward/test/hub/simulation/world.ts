import type { Clock } from "../../../src/clock.ts"
import type { Chance } from "./chance.ts"

interface Timer {
  readonly at: number
  readonly run: () => void
}

/** How long the work between two looks at the clock takes in a busy world. Work ends its turn after 5 ms. */
const BUSY_MS = [0, 1, 2, 3, 6]

/** Virtual time and a scheduler: everything that happens is a task, and chance says which of the ready ones is next. */
export class World implements Clock {
  readonly chance: Chance
  readonly #ready: (() => void)[] = []
  #timers: Timer[] = []
  #now = 1_000_000
  /** Whether each look at the clock finds it moved on, so that loops run out of their time. */
  readonly #isBusy: boolean
  #busyFor = 0
  /** A digest of everything that happened, in order. */
  trace = 0

  constructor(chance: Chance) {
    this.chance = chance
    this.#isBusy = chance.percent(50)
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    if (this.#isBusy) this.#busyFor += this.chance.pick(BUSY_MS)
    return this.#now + this.#busyFor
  }

  after(delay: number, run: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, delay), run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  hold(): () => void {
    return () => {}
  }

  turn(run: () => void): void {
    this.soon(run)
  }

  random(): number {
    return this.chance.next()
  }

  /** Makes `run` a task of its own. */
  soon(run: () => void): void {
    this.#ready.push(run)
  }

  /** Writes something into the digest. */
  note(what: string): void {
    for (let i = 0; i < what.length; i++) this.trace = (Math.imul(this.trace, 31) + what.charCodeAt(i)) >>> 0
  }

  get isIdle(): boolean {
    return this.#ready.length === 0
  }

  /** Runs one ready task, if there is one, and all that follows from it at once. */
  async step(): Promise<void> {
    if (this.#ready.length > 0) {
      const at = this.chance.below(this.#ready.length)
      const [run] = this.#ready.splice(at, 1)
      this.note(`${at}/${this.#ready.length};`)
      run?.()
    }
    // microtasks, and what they bring about, until nothing is left of this task
    for (let i = 0; i < 12; i++) await Promise.resolve()
  }

  /** Lets time pass; timers that are due become ready tasks. */
  pass(ms: number): void {
    this.#now += ms
    const due = this.#timers.filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at)
    if (due.length === 0) return
    this.#timers = this.#timers.filter(({ at }) => at > this.#now)
    for (const { run } of due) this.soon(run)
  }
}
