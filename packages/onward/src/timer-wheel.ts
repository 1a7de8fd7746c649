import type { Clock } from "./clock.ts"
import { turnsOf, type Turns } from "./turns.ts"

/** Something that is to be looked at by the earliest of its deadlines. */
export interface Beating {
  /** Does what is due and says in how many milliseconds to come again. Must not throw. */
  beat(now: number): number
  /** The slot it sits in; owned by the wheel. */
  slot: number
}

/** How often slots are visited, in ms; no deadline is kept more exactly than this. */
export const TICK_MS = 500

/**
 * How long a stream may be silent before it writes a heartbeat at a visit, in ms. Earlier than `heartbeat`, because the next visit
 * is a tick away, and because streams that beat at exact times would beat together.
 */
export const quietEnough = (heartbeat: number): number =>
  Math.min(heartbeat * 0.9, Math.max(heartbeat - TICK_MS, heartbeat / 2))

export interface TimerWheelOptions {
  /** How many slots the ring has. @default 128 */
  readonly slots?: number
  /** Called at each visit of a slot, for what needs a timer of its own otherwise. Must not throw. */
  readonly onTick?: () => void
}

/**
 * One timer for any number of connections: a ring of slots, one visited each half second. An idle member costs a set entry
 * and one visit per wait, no timer and no closure. The timer exists only while there are members.
 */
export class TimerWheel<Member extends Beating = Beating> {
  readonly #clock: Clock
  readonly #turns: Turns
  readonly #slots: Set<Member>[] = []
  #current = 0
  /** When the current slot was due, by the monotonic clock. Ticks are counted from it, so that late timers do not add up. */
  #at = 0
  #size = 0
  #stop: (() => void) | undefined
  readonly #onTick: (() => void) | undefined

  constructor(clock: Clock, { slots = 128, onTick }: TimerWheelOptions = {}) {
    this.#clock = clock
    this.#onTick = onTick
    this.#turns = turnsOf(clock)
    for (let i = 0; i < slots; i++) this.#slots.push(new Set())
  }

  get size(): number {
    return this.#size
  }

  *members(): IterableIterator<Member> {
    for (const slot of this.#slots) yield* slot
  }

  /** First visit up to a tick before `delay` milliseconds are over; longer waits than the ring are visited early, which is harmless. */
  add(member: Member, delay: number): void {
    const now = this.#clock.monotonic()
    if (!this.#stop && this.#size === 0) this.#at = now
    this.#place(member, now + delay)
    this.#size++
    if (!this.#stop) this.#arm(now)
  }

  delete(member: Member): void {
    if (!this.#slots[member.slot]?.delete(member)) return
    if (--this.#size > 0) return
    this.#stop?.()
    this.#stop = undefined
  }

  #place(member: Member, due: number): void {
    const steps = Math.max(1, Math.min(this.#slots.length - 1, Math.floor((due - this.#at) / TICK_MS)))
    member.slot = (this.#current + steps) % this.#slots.length
    this.#slots[member.slot]?.add(member)
  }

  #arm(now: number): void {
    this.#stop = this.#clock.after(Math.max(0, this.#at + TICK_MS - now), () => this.#turn())
  }

  /** Visits every slot that is due: more than one when the event loop, or the whole process, stood still. */
  #turn(): void {
    this.#stop = undefined
    this.#onTick?.()
    const now = this.#clock.monotonic()
    const steps = Math.max(1, Math.floor((now - this.#at) / TICK_MS))
    this.#at += steps * TICK_MS
    const first = this.#current + 1
    const count = Math.min(steps, this.#slots.length)
    this.#current = (this.#current + steps) % this.#slots.length
    for (let i = 0; i < count; i++) this.#visit(this.#slots[(first + i) % this.#slots.length] as Set<Member>)
    if (this.#size > 0 && !this.#stop) this.#arm(now)
  }

  #visit(slot: Set<Member>): void {
    // a copy, because after a standstill a visit may put its member back into a slot of the same turn
    this.#visitAll(slot, [...slot], 0)
  }

  /** Thousands of streams that connected together are due together: a part of them has to wait for a later turn. */
  #visitAll(slot: Set<Member>, members: readonly Member[], from: number): void {
    for (let i = from; i < members.length; i++) {
      const member = members[i] as Member
      if (!slot.has(member)) continue
      if (this.#turns.isOver) return this.#turns.later(() => this.#visitAll(slot, members, i))
      const now = this.#clock.monotonic()
      const delay = member.beat(now)
      // a beat may end the member, which then deleted itself
      if (slot.delete(member)) this.#place(member, now + delay)
    }
  }
}
