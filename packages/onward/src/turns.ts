import type { Clock } from "./clock.ts"

/** Maximum work without yielding to the event loop, in ms. */
const STRETCH_MS = 5

/**
 * Shares the event loop between all long loops of a process: over pages, the window, frames and input. Their work in one turn counts
 * together, so that many short loops do not add up to a long turn. While there is time left, it costs one read of the clock.
 *
 * @example
 * for (const entry of entries) {
 *   if (turns.isOver) await turns.next()
 *   use(entry)
 * }
 */
export class Turns {
  readonly #clock: Clock
  /** Postponed work, oldest first. Entries before `#head` are done. */
  #queue: (() => void)[] = []
  #head = 0
  /** When the work of this turn began; undefined between turns. */
  #began: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether the time of this turn is used up. Then continue in a later turn. */
  get isOver(): boolean {
    const now = this.#clock.monotonic()
    if (this.#began === undefined) {
      this.#began = now
      this.#clock.turn(this.#renew)
    }
    return now - this.#began >= STRETCH_MS
  }

  /** Resolves in a later turn, in the order of the calls, once there is time. */
  next(): Promise<void> {
    return new Promise((resolve) => this.later(resolve))
  }

  /** Calls `work` in a later turn, in the order of the calls, once there is time. `work` must not throw. */
  later(work: () => void): void {
    this.#queue.push(work)
    if (this.#began !== undefined) return
    this.#began = this.#clock.monotonic()
    this.#clock.turn(this.#renew)
  }

  readonly #renew = (): void => {
    this.#began = undefined
    this.#work()
  }

  /** One piece per microtask, so that what a resolved promise starts runs before the next piece, and is counted. */
  readonly #work = (): void => {
    const work = this.#queue[this.#head]
    if (!work) {
      this.#queue = []
      this.#head = 0
      return
    }
    if (this.isOver) return
    this.#queue[this.#head++] = undefined as unknown as () => void
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    work()
    queueMicrotask(this.#work)
  }
}

const shared = new WeakMap<Clock, Turns>()

/** The instance that all users of this clock share. */
export function turnsOf(clock: Clock): Turns {
  let turns = shared.get(clock)
  if (!turns) shared.set(clock, (turns = new Turns(clock)))
  return turns
}
