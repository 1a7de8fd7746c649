/** A moment by both clocks of a process, in milliseconds. */
export interface Moment {
  /** The time of day, since 1970. */
  readonly wall: number
  readonly monotonic: number
}

/** The times of the entries in the file, in milliseconds since 1970. */
export interface EntryTimes {
  readonly count: number
  /** The time of the newest entry. */
  readonly newest: number
  /** The time of the oldest kept entry. */
  readonly oldest: () => number
}

/** A smaller change of the wall clock counts as a correction and not as a jump, in milliseconds. */
const MIN_JUMP = 60_000

/**
 * The clock for the age of entries. It ignores a jump of the wall clock: while the process runs, the monotonic clock shows the jump; when
 * a process opens the file, only the time of the newest entry can. Entries from before a jump expire by the monotonic clock. When they have been
 * removed, the wall clock is used again.
 */
export class AgeClock {
  /** How far the wall clock is assumed to be ahead, in milliseconds. */
  #ahead = 0
  /** Entries with an earlier time are from before the jump. */
  #since = 0
  #last: Moment | undefined

  read(moment: Moment, { count, newest, oldest }: EntryTimes): number {
    const { wall } = moment
    const last = this.#last
    this.#last = moment
    const jump = last ? wall - last.wall - (moment.monotonic - last.monotonic) : count > 0 ? wall - newest : 0
    if (jump > MIN_JUMP) {
      this.#ahead += jump
      this.#since = wall
    }
    // a clock that was ahead and is set back is right again; if it is set back further, entries are only kept longer
    if (jump < -MIN_JUMP) this.#ahead = Math.max(0, this.#ahead + jump)
    if (this.#ahead > 0 && (count === 0 || oldest() >= this.#since)) this.#ahead = 0
    const present = wall - this.#ahead
    // the clock of another process can be slightly ahead; an entry from far ahead must not expire the others
    return newest > present && newest - present <= MIN_JUMP ? newest : present
  }
}
