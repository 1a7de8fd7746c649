import type { QueuedEvent, StateRecord } from "./record.ts"

/** About how many characters one part of the state has at most. */
const PART_CHARS = 32_768
/** Most users in one row of the state: a topic with more has several. */
const ROW_USERS = 100

/** The users on each occupied topic: as they are, or as they were announced. */
export class Announced {
  #topics = new Map<string, Set<string>>()

  /** False when it changes nothing: a hub that has just lost the lease can announce the same as its successor. */
  apply({ event, topic = "", userId = "" }: Pick<QueuedEvent, "event" | "topic" | "userId">): boolean {
    const users = this.#topics.get(topic)
    switch (event) {
      case "topic.occupied":
        if (!users) this.#topics.set(topic, new Set())
        return !users
      case "topic.vacated":
        return this.#topics.delete(topic)
      case "user.joined":
        if (users?.has(userId) !== false) return false
        users.add(userId)
        return true
      case "user.left":
        return users?.delete(userId) === true
      case "stream.opened":
      case "stream.closed":
        return true
    }
  }

  topics(): Iterable<string> {
    return this.#topics.keys()
  }

  /** The events that lead from `before` to this, for one topic. */
  *since(before: Announced, topic: string): Generator<Pick<QueuedEvent, "event" | "topic" | "userId">> {
    const now = this.#topics.get(topic)
    const then = before.#topics.get(topic)
    if (now && !then) yield { event: "topic.occupied", topic }
    for (const userId of then ?? []) if (!now?.has(userId)) yield { event: "user.left", topic, userId }
    for (const userId of now ?? []) if (!then?.has(userId)) yield { event: "user.joined", topic, userId }
    if (then && !now) yield { event: "topic.vacated", topic }
  }

  /** All of it, in parts of limited size. */
  parts(): StateRecord[] {
    const parts: [topic: string, userIds: readonly string[]][][] = [[]]
    let chars = 0
    for (const [topic, users] of this.#topics) {
      const all = [...users]
      for (let at = 0; at === 0 || at < all.length; at += ROW_USERS) {
        const row: [string, string[]] = [topic, all.slice(at, at + ROW_USERS)]
        const { length } = JSON.stringify(row)
        if (chars > 0 && chars + length > PART_CHARS) {
          parts.push([])
          chars = 0
        }
        chars += length
        parts.at(-1)?.push(row)
      }
    }
    return parts.map((topics, i) => ({ ...(i === 0 && { isFirst: true as const }), topics }))
  }

  restore({ isFirst, topics }: StateRecord): void {
    if (isFirst) this.#topics = new Map()
    for (const [topic, userIds] of topics) {
      const users = this.#topics.get(topic) ?? new Set()
      for (const userId of userIds) users.add(userId)
      this.#topics.set(topic, users)
    }
  }
}
