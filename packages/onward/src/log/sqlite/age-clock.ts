/** One moment, by both clocks of a process, in milliseconds. */
export interface Moment {
  /** The time of day, since 1970. */
  readonly wall: number
  readonly monotonic: number
}

/** What is known of the file's entries at that moment. */
export interface EntryTimes {
  readonly count: number
  /** That of the newest entry. */
  readonly newest: number
  /** That of the oldest entry kept. */
  readonly oldest: () => number
}

/** A clock that is corrected by less, in ms, is simply followed. */
const STEP = 60_000

/**
 * Tells what time it is for the age of entries. A file has no clock of its own, so a wall clock that jumps is not believed: neither while the
 * process runs, where the monotonic clock shows the jump, nor when it opens a file, where only the newest entry's time can. Entries from before a
 * jump are then kept until they are too old by the monotonic clock. Once they are gone, the wall clock counts again.
 */
export class AgeClock {
  /** How far the wall clock is taken to be ahead. */
  #ahead = 0
  /** Entries with an earlier time are from before the jump. */
  #since = 0
  #last: Moment | undefined

  read(moment: Moment, { count, newest, oldest }: EntryTimes): number {
    const { wall } = moment
    const last = this.#last
    this.#last = moment
    const jump = last ? wall - last.wall - (moment.monotonic - last.monotonic) : count > 0 ? wall - newest : 0
    if (jump > STEP) {
      this.#ahead += jump
      this.#since = wall
    }
    // what is set back after it was set ahead is right again; that by which it is set back further only keeps entries for longer
    if (jump < -STEP) this.#ahead = Math.max(0, this.#ahead + jump)
    if (this.#ahead > 0 && (count === 0 || oldest() >= this.#since)) this.#ahead = 0
    const present = wall - this.#ahead
    // another process's clock may be a little ahead of this one; an entry from far ahead says nothing of the others
    return newest > present && newest - present <= STEP ? newest : present
  }
}
