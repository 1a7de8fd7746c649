import type { Entry } from "../message.ts"

/** Who takes entries as they are, for purposes of its own. Must not throw. */
export interface TailListener {
  /** The next entry, in order. */
  onEntry(entry: Entry): void
  /** The tail has a hole, or the log began a new life: what comes next need not follow what came last. */
  onInterrupt?(): void
}

/** Passes the entries of the tail to the layers above the hub. */
export class TailListeners {
  readonly #byTopic = new Map<string, Set<TailListener>>()
  readonly #all = new Set<TailListener>()

  /** From now on `tap` gets what arrives on `topic`, or on any; returns the undo. */
  add(tap: TailListener, topic?: string): () => void {
    if (topic === undefined) {
      this.#all.add(tap)
      return () => void this.#all.delete(tap)
    }
    const taps = this.#byTopic.get(topic) ?? new Set()
    this.#byTopic.set(topic, taps.add(tap))
    return () => {
      taps.delete(tap)
      if (taps.size === 0 && this.#byTopic.get(topic) === taps) this.#byTopic.delete(topic)
    }
  }

  arrive(entry: Entry): void {
    for (const tap of this.#byTopic.get(entry.topic) ?? []) tap.onEntry(entry)
    for (const tap of this.#all) tap.onEntry(entry)
  }

  interrupt(): void {
    for (const taps of this.#byTopic.values()) for (const tap of taps) tap.onInterrupt?.()
    for (const tap of this.#all) tap.onInterrupt?.()
  }
}
