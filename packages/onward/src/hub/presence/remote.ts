import type { PresenceReport } from "./report.ts"

/** A process that reports nothing during this many beats of this process counts as gone. */
const MISSED_BEATS = 3

interface TopicPresence {
  streams: number
  readonly userIds: Set<string>
}

interface RemoteProcess {
  missed: number
  topics: Map<string, TopicPresence>
}

/** The reports of the other processes. Each method that changes them returns the topics that may have changed. */
export class RemotePresence {
  readonly #remotePresence = new Map<string, RemoteProcess>()

  get size(): number {
    return this.#remotePresence.size
  }

  has(name: string): boolean {
    return this.#remotePresence.has(name)
  }

  take({ from, anew, changes = [] }: PresenceReport): Iterable<string> {
    const changed = new Set(anew && this.forget(from))
    let peer = this.#remotePresence.get(from)
    if (!peer) this.#remotePresence.set(from, (peer = { missed: 0, topics: new Map() }))
    peer.missed = 0
    for (const [topic, streams, came, went] of changes) {
      changed.add(topic)
      const told = peer.topics.get(topic) ?? { streams, userIds: new Set() }
      told.streams = streams
      for (const userId of went) told.userIds.delete(userId)
      for (const userId of came) told.userIds.add(userId)
      if (streams > 0) peer.topics.set(topic, told)
      else peer.topics.delete(topic)
    }
    return changed
  }

  forget(name: string): Iterable<string> {
    const topics = this.#remotePresence.get(name)?.topics.keys() ?? []
    this.#remotePresence.delete(name)
    return topics
  }

  /** Forgets processes that missed too many beats of this one. Beats are counted in the order of the log, so a process that stood still counts none. */
  missBeat(): Iterable<string> {
    const gone = [...this.#remotePresence].filter(([, peer]) => ++peer.missed >= MISSED_BEATS)
    return gone.flatMap(([name]) => [...this.forget(name)])
  }

  forgetAll(): Iterable<string> {
    return [...this.#remotePresence.keys()].flatMap((name) => [...this.forget(name)])
  }

  streams(topic: string): number {
    let sum = 0
    for (const { topics } of this.#remotePresence.values()) sum += topics.get(topic)?.streams ?? 0
    return sum
  }

  *userIds(topic: string): Iterable<string> {
    for (const { topics } of this.#remotePresence.values()) yield* topics.get(topic)?.userIds ?? []
  }
}
