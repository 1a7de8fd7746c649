import type { Difference } from "./merged.ts"
import type { PresenceReport } from "./report.ts"

/** A process that reports nothing during this many beats of this process counts as gone. */
const MISSED_BEATS = 3

interface RemoteTopic {
  streams: number
  readonly userIds: Set<string>
}

interface RemoteProcess {
  missed: number
  topics: Map<string, RemoteTopic>
}

/** The reports of the other processes. */
export class RemotePresence {
  readonly #processes = new Map<string, RemoteProcess>()
  readonly #onChange: (change: Difference) => void

  /** @param onChange called for each change */
  constructor(onChange: (change: Difference) => void) {
    this.#onChange = onChange
  }

  get size(): number {
    return this.#processes.size
  }

  has(name: string): boolean {
    return this.#processes.has(name)
  }

  take({ from, complete, changes = [] }: PresenceReport): void {
    if (complete) this.forget(from)
    let peer = this.#processes.get(from)
    if (!peer) this.#processes.set(from, (peer = { missed: 0, topics: new Map() }))
    peer.missed = 0
    for (const [topic, streams, came, went] of changes) {
      const told = peer.topics.get(topic) ?? { streams: 0, userIds: new Set<string>() }
      const change = {
        topic,
        streams: streams - told.streams,
        went: went.filter((userId) => told.userIds.delete(userId)),
        came: came.filter((userId) => !told.userIds.has(userId) && told.userIds.add(userId)),
      }
      told.streams = streams
      if (streams > 0) {
        peer.topics.set(topic, told)
        this.#onChange(change)
      } else {
        peer.topics.delete(topic)
        const came = new Set(change.came)
        this.#onChange({
          ...change,
          came: [],
          went: [...change.went, ...[...told.userIds].filter((userId) => !came.has(userId))],
        })
      }
    }
  }

  forget(name: string): void {
    const topics = this.#processes.get(name)?.topics ?? []
    this.#processes.delete(name)
    for (const [topic, { streams, userIds }] of topics) {
      this.#onChange({ topic, streams: -streams, came: [], went: [...userIds] })
    }
  }

  /** Forgets processes that missed too many beats of this one. Beats are counted in the order of the log, so a process that stood still counts none. */
  missBeat(): void {
    for (const [name, peer] of this.#processes) if (++peer.missed >= MISSED_BEATS) this.forget(name)
  }

  forgetAll(): void {
    for (const name of this.#processes.keys()) this.forget(name)
  }
}
