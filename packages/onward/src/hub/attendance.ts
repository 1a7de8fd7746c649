import type { Matcher } from "../topic.ts"

/** Who is on a topic in this process. */
export interface Present {
  streams: number
  /** How many streams each person has. */
  readonly people: Map<string, number>
}

/** Counts this process's streams by topic, as they come and go. */
export class Attendance {
  /** Told of each topic that changed. */
  onChange: (topic: string) => void = () => {}
  readonly #isCounted: Matcher
  readonly #topics = new Map<string, Present>()

  constructor(isCounted: Matcher) {
    this.#isCounted = isCounted
  }

  at(topic: string): Present | undefined {
    return this.#topics.get(topic)
  }

  /** Topics somebody is on. */
  topics(): Iterable<string> {
    return this.#topics.keys()
  }

  enter(topics: readonly string[], who: string | undefined): void {
    for (const topic of topics) {
      if (!this.#isCounted(topic)) continue
      let present = this.#topics.get(topic)
      if (!present) this.#topics.set(topic, (present = { streams: 0, people: new Map() }))
      present.streams++
      if (who !== undefined) present.people.set(who, (present.people.get(who) ?? 0) + 1)
      this.onChange(topic)
    }
  }

  leave(topics: readonly string[], who: string | undefined): void {
    for (const topic of topics) {
      const present = this.#topics.get(topic)
      if (!present) continue
      if (who !== undefined) {
        const left = (present.people.get(who) ?? 1) - 1
        if (left > 0) present.people.set(who, left)
        else present.people.delete(who)
      }
      if (--present.streams === 0) this.#topics.delete(topic)
      this.onChange(topic)
    }
  }
}
