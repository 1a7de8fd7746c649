import type { Matcher } from "../../topic.ts"
import type { Difference } from "./merged.ts"

/** The streams and users of a topic in this process. */
export interface LocalTopic {
  streams: number
  /** How many streams each user has. */
  readonly userIds: Map<string, number>
}

/** Counts the open streams of this process by topic. */
export class LocalPresence {
  /** Called for each change. */
  onChange: (change: Difference) => void = () => {}
  readonly #isCounted: Matcher
  readonly #topics = new Map<string, LocalTopic>()

  constructor(isCounted: Matcher) {
    this.#isCounted = isCounted
  }

  at(topic: string): LocalTopic | undefined {
    return this.#topics.get(topic)
  }

  /** Topics with at least one stream. */
  topics(): Iterable<string> {
    return this.#topics.keys()
  }

  enter(topics: readonly string[], userId: string | undefined): void {
    for (const topic of topics) {
      if (!this.#isCounted(topic)) continue
      let present = this.#topics.get(topic)
      if (!present) this.#topics.set(topic, (present = { streams: 0, userIds: new Map() }))
      present.streams++
      const has = userId === undefined ? 0 : (present.userIds.get(userId) ?? 0)
      if (userId !== undefined) present.userIds.set(userId, has + 1)
      this.onChange({ topic, streams: 1, came: userId !== undefined && has === 0 ? [userId] : [], went: [] })
    }
  }

  leave(topics: readonly string[], userId: string | undefined): void {
    for (const topic of topics) {
      const present = this.#topics.get(topic)
      if (!present) continue
      const left = userId === undefined ? 1 : (present.userIds.get(userId) ?? 1) - 1
      if (userId !== undefined && left > 0) present.userIds.set(userId, left)
      else if (userId !== undefined) present.userIds.delete(userId)
      if (--present.streams === 0) this.#topics.delete(topic)
      this.onChange({ topic, streams: -1, came: [], went: userId !== undefined && left === 0 ? [userId] : [] })
    }
  }
}
