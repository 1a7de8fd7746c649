import type { Entry, Position } from "../message.ts"

/** Receives entries from the tail, for a part of the process that is no connection. Its methods must not throw. */
export interface TailListener {
  /** The next entry, in order. */
  onEntry(entry: Entry): void
  /** The tail has a hole after `position`, or the log began a new epoch: the next entry need not follow the last one. */
  onInterrupt?(position: Position): void
}

/** Delivers the entries of the tail to its listeners. */
export class TailListeners {
  readonly #byTopic = new Map<string, Set<TailListener>>()
  readonly #all = new Set<TailListener>()

  /** From now on `listener` receives entries of `topic`, or of all topics. Returns the undo. */
  add(listener: TailListener, topic?: string): () => void {
    if (topic === undefined) {
      this.#all.add(listener)
      return () => void this.#all.delete(listener)
    }
    const listeners = this.#byTopic.get(topic) ?? new Set()
    this.#byTopic.set(topic, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#byTopic.get(topic) === listeners) this.#byTopic.delete(topic)
    }
  }

  arrive(entry: Entry): void {
    for (const listener of this.#byTopic.get(entry.topic) ?? []) listener.onEntry(entry)
    for (const listener of this.#all) listener.onEntry(entry)
  }

  interrupt(position: Position): void {
    // a copy, because a listener that is interrupted can leave, and join again at once
    const listeners = [...[...this.#byTopic.values()].flatMap((each) => [...each]), ...this.#all]
    for (const listener of listeners) listener.onInterrupt?.(position)
  }
}
