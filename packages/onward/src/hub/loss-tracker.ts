import type { Loss } from "../log/index.ts"
import type { Position } from "../message.ts"

/**
 * What one catching-up connection knows to be gone, so that every loss is announced, and each only once. A log reports
 * removed entries by topic; a connection with patterns must not be told of topics it never asked for.
 */
export class LossTracker {
  /** The cursor as the client gave it. */
  given: string | undefined
  readonly #known = new Map<string, Position>()
  /**
   * The end of the log when the reader began at a landmark (the oldest kept, the last n), which by its meaning comes after
   * whatever had been removed by then. Counts for the first read only.
   */
  #forgiven: Position | undefined

  constructor(given?: string, forgiven?: Position) {
    this.given = given
    this.#forgiven = forgiven
  }

  /** The reader is where nothing was removed before it: from now on every removal counts. */
  forgiveNoMore(): void {
    this.#forgiven = undefined
  }

  /** Whether it knows of something missed that lies after `position`. */
  isAheadOf(position: Position): boolean {
    return [...this.#known.values()].some((to) => to > position)
  }

  /**
   * The newest position that a reader at `position` misses by this loss, whose topics are all ones it asked for; undefined when it misses
   * nothing, or knows.
   */
  missed(lost: Loss, position: Position): Position | undefined {
    const forgiven = this.#forgiven ?? ""
    this.#forgiven = undefined
    if (lost.reason !== "trimmed") {
      this.#known.clear()
      this.given = undefined
      return lost.to
    }
    let newest: Position | undefined
    for (const [topic, to] of lost.topics ?? new Map([["*", lost.to]])) {
      if (to <= position || to <= (this.#known.get(topic) ?? "")) continue
      this.#known.set(topic, to)
      if (to > forgiven && to > (newest ?? "")) newest = to
    }
    if (newest !== undefined) this.given = undefined
    return newest
  }
}
