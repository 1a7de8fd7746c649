import type { Clock } from "./clock.ts"

/** Something that wants to be looked at now and then. */
export interface Beating {
  /** Does what is due and says in how many milliseconds to come again. Must not throw. */
  beat(now: number): number
  /** The slot it sits in; owned by the wheel. */
  slot: number
}

const TICK_MS = 500

/**
 * One timer for any number of connections: a ring of slots, one visited each half second. An idle member costs a set entry
 * and one visit per wait, no timer and no closure. The timer exists only while there are members.
 */
export class Wheel {
  readonly #clock: Clock
  readonly #slots: Set<Beating>[] = []
  #current = 0
  #size = 0
  #stop: (() => void) | undefined

  constructor(clock: Clock, slots = 128) {
    this.#clock = clock
    for (let i = 0; i < slots; i++) this.#slots.push(new Set())
  }

  get size(): number {
    return this.#size
  }

  *members(): IterableIterator<Beating> {
    for (const slot of this.#slots) yield* slot
  }

  /** First visit in about `delay` milliseconds; longer waits than the ring are visited early, which is harmless. */
  add(member: Beating, delay: number): void {
    this.#place(member, delay)
    this.#size++
    if (!this.#stop) this.#arm()
  }

  delete(member: Beating): void {
    if (!this.#slots[member.slot]?.delete(member)) return
    if (--this.#size > 0) return
    this.#stop?.()
    this.#stop = undefined
  }

  #place(member: Beating, delay: number): void {
    const steps = Math.max(1, Math.min(this.#slots.length - 1, Math.floor(delay / TICK_MS)))
    member.slot = (this.#current + steps) % this.#slots.length
    this.#slots[member.slot]?.add(member)
  }

  #arm(): void {
    this.#stop = this.#clock.after(TICK_MS, () => {
      this.#stop = undefined
      this.#current = (this.#current + 1) % this.#slots.length
      const due = this.#slots[this.#current] as Set<Beating>
      const now = this.#clock.monotonic()
      for (const member of due) {
        const delay = member.beat(now)
        // a beat may end the member, which then deleted itself
        if (due.delete(member)) this.#place(member, delay)
      }
      if (this.#size > 0 && !this.#stop) this.#arm()
    })
  }
}
