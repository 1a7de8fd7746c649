import type { Loss } from "../log/index.ts"
import type { Position } from "../message.ts"

/** What a follower's start says about losses. */
export interface TrackedStart {
  /** The id that the client resumes after. */
  readonly given?: string | undefined
  /**
   * For a start such as "the oldest kept entry": the end of the log when it was found. What retention had removed by then is not missed.
   * Counts for the first read only.
   */
  readonly forgiven?: Position | undefined
  /** It starts before everything, so an epoch that begins before its first read has taken nothing from it. */
  readonly isFirst?: boolean
}

/**
 * The losses that one follower knows, so that each is reported, and only once. A log reports removed entries by topic, because a follower
 * with patterns must not report those of other topics.
 */
export class LossTracker {
  #start: TrackedStart
  readonly #known = new Map<string, Position>()

  constructor(start: TrackedStart) {
    this.#start = start
  }

  /** The id that the client resumes after, until a loss was reported. */
  get given(): string | undefined {
    return this.#start.given
  }

  /** The first read is done: from now on every removal counts. */
  hasRead(): void {
    if (this.#start.forgiven === undefined && !this.#start.isFirst) return
    this.#start = { given: this.#start.given }
  }

  /**
   * The newest position that a follower at `position` misses by a loss of topics it follows; undefined when it misses nothing, or the loss
   * is known.
   */
  missed(lost: Loss, position: Position): Position | undefined {
    const { given, forgiven = "", isFirst = false } = this.#start
    if (lost.reason !== "trimmed") {
      this.#known.clear()
      this.#start = {}
      return isFirst && lost.reason === "epoch" ? undefined : lost.to
    }
    let newest: Position | undefined
    for (const [topic, to] of lost.topics ?? new Map([["*", lost.to]])) {
      if (to <= position || to <= (this.#known.get(topic) ?? "")) continue
      this.#known.set(topic, to)
      if (to > forgiven && to > (newest ?? "")) newest = to
    }
    this.#start = newest === undefined ? { given } : {}
    return newest
  }
}
