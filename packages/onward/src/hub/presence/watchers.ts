import { kindOf } from "../../kind.ts"
import { checkNames } from "../../options.ts"
import { compilePattern, type Matcher } from "../../topic.ts"
import type { PresenceChange } from "./merged.ts"

/** Which topics to watch: those named, and those that match a pattern. */
export interface WatchedTopics {
  /** Exact topics. @default [] */
  readonly topics?: readonly string[]
  /** Patterns of topics, such as `room/*`. @default [] */
  readonly patterns?: readonly string[]
}

/** Receives changes of presence. What it throws, and what its promise rejects with, goes to the hub's `onError`. */
export type PresenceListener = (change: PresenceChange) => void | Promise<void>

/** Tells watchers of changes on their topics. */
export class PresenceWatchers {
  readonly #byTopic = new Map<string, Set<PresenceListener>>()
  readonly #byPattern = new Map<PresenceListener, Matcher>()
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** Returns the undo. */
  add(selection: Selection, listener: PresenceListener): () => void {
    // of its own, so that the same function can be added twice
    const own: PresenceListener = (change) => listener(change)
    const { topics, matchesPattern } = selection
    for (const topic of topics) {
      const listeners = this.#byTopic.get(topic) ?? new Set()
      this.#byTopic.set(topic, listeners.add(own))
    }
    if (matchesPattern) this.#byPattern.set(own, (topic) => !topics.has(topic) && matchesPattern(topic))
    return () => {
      this.#byPattern.delete(own)
      for (const topic of topics) {
        const listeners = this.#byTopic.get(topic)
        listeners?.delete(own)
        if (listeners?.size === 0) this.#byTopic.delete(topic)
      }
    }
  }

  tell(change: PresenceChange): void {
    const named = this.#byTopic.get(change.topic)
    if (named) for (const listener of [...named]) this.call(listener, change)
    for (const [listener, matches] of [...this.#byPattern]) if (matches(change.topic)) this.call(listener, change)
  }

  /** A throwing listener must not break the caller. */
  call(listener: PresenceListener, change: PresenceChange): void {
    try {
      const done = listener(change)
      if (done instanceof Promise) done.catch(this.#onError)
    } catch (error) {
      this.#onError(error)
    }
  }
}

/** Watched topics, checked. */
export interface Selection {
  readonly topics: ReadonlySet<string>
  /** Undefined without patterns. */
  readonly matchesPattern: Matcher | undefined
  readonly matches: Matcher
}

/** Throws `TypeError` for an unknown name, and `OnwardError` `invalid_selector` for an invalid pattern. */
export function resolveWatched(given: WatchedTopics): Selection {
  checkNames("presence.watch", given, ["topics", "patterns"])
  const { topics = [], patterns = [] } = given
  for (const [name, list] of Object.entries({ topics, patterns })) {
    if (Array.isArray(list) && list.every((item) => typeof item === "string")) continue
    throw new TypeError(`presence.watch: \`${name}\` must be an array of strings, not ${kindOf(list)}.`)
  }
  const names = new Set(topics)
  const matchers = patterns.map(compilePattern)
  const matchesPattern = matchers.length > 0 ? (topic: string) => matchers.some((matches) => matches(topic)) : undefined
  return { topics: names, matchesPattern, matches: (topic) => names.has(topic) || matchesPattern?.(topic) === true }
}
