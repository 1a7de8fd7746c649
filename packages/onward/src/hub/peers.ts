import type { Telling } from "./telling.ts"

/** After how many beats of one's own a process that said nothing meanwhile is taken to be gone. */
const MISSED_BEATS = 3

interface Told {
  streams: number
  readonly people: Set<string>
}

interface Peer {
  missed: number
  topics: Map<string, Told>
}

/** What the other processes told of those who are with them. Each method that changes it gives the topics that may have changed. */
export class Peers {
  readonly #peers = new Map<string, Peer>()

  get size(): number {
    return this.#peers.size
  }

  has(name: string): boolean {
    return this.#peers.has(name)
  }

  take({ from, anew, changes = [] }: Telling): Iterable<string> {
    const changed = new Set(anew && this.forget(from))
    let peer = this.#peers.get(from)
    if (!peer) this.#peers.set(from, (peer = { missed: 0, topics: new Map() }))
    peer.missed = 0
    for (const [topic, streams, came, went] of changes) {
      changed.add(topic)
      const told = peer.topics.get(topic) ?? { streams, people: new Set() }
      told.streams = streams
      for (const who of went) told.people.delete(who)
      for (const who of came) told.people.add(who)
      if (streams > 0) peer.topics.set(topic, told)
      else peer.topics.delete(topic)
    }
    return changed
  }

  forget(name: string): Iterable<string> {
    const topics = this.#peers.get(name)?.topics.keys() ?? []
    this.#peers.delete(name)
    return topics
  }

  /** Forgets who has said nothing for too many of our own beats: the log's order is the clock, so whoever stood still counts nothing. */
  missBeat(): Iterable<string> {
    const gone = [...this.#peers].filter(([, peer]) => ++peer.missed >= MISSED_BEATS)
    return gone.flatMap(([name]) => [...this.forget(name)])
  }

  forgetAll(): Iterable<string> {
    return [...this.#peers.keys()].flatMap((name) => [...this.forget(name)])
  }

  streams(topic: string): number {
    let sum = 0
    for (const { topics } of this.#peers.values()) sum += topics.get(topic)?.streams ?? 0
    return sum
  }

  *people(topic: string): Iterable<string> {
    for (const { topics } of this.#peers.values()) yield* topics.get(topic)?.people ?? []
  }
}
