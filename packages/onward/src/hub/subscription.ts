import type { Clock } from "../clock.ts"
import type { Entry } from "../message.ts"
import { OnwardError } from "../errors.ts"
import { checkNames } from "../options.ts"
import type { Sink } from "../sink.ts"
import { checkTopic, compilePattern } from "../topic.ts"
import type { Selection } from "./audience.ts"
import type { Core } from "./core.ts"
import { checkStart, type StartPoint } from "./start.ts"

export interface SubscribeOptions {
  /** Exact topic names. Safe to build from user input: a name that would be a pattern is refused. */
  readonly topics?: readonly string[]
  /** Patterns: `*` for any characters, `:name` for one path segment, as in `news/*` or `users/:id`; `*` alone is every topic. */
  readonly patterns?: readonly string[]
  /** Where to begin when the client names no place. @default "live" */
  readonly from?: StartPoint
  /** Whether a client without a cursor may choose its beginning (`earliest`, `since`, `last`). @default true */
  readonly allowHistory?: boolean
  /** Whose stream it is: counted against `limits.connectionsPerKey`. @default nobody's */
  readonly key?: string
  /** Who listens, for `hub.presence`: an id that other processes may read in the log, at most 256 characters. @default nobody */
  readonly who?: string
  /** The stream ends, with `stream.end`, after the first entry for which this is true. @default never */
  readonly until?: (entry: Entry) => boolean
  /** Ends the streams of this subscription when aborted; clients will reconnect. */
  readonly signal?: AbortSignal
}

const OPTIONS = ["topics", "patterns", "from", "allowHistory", "key", "who", "until", "signal"]

/** Sorted and each once, so that equal wishes are seen to be equal. */
function listOf(name: string, list: readonly string[] = []): string[] {
  if (!Array.isArray(list)) throw new TypeError(`subscribe: \`${name}\` must be an array of strings`)
  return [...new Set(list as readonly string[])].sort()
}

/** An `until` that throws ends its own stream, and nobody else's. */
function guarded(until: (entry: Entry) => boolean, { onError }: Core): (entry: Entry) => boolean {
  return (entry) => {
    try {
      return until(entry)
    } catch (error) {
      onError(error)
      return true
    }
  }
}

/** A stream that can be started once its head is sent. */
export interface Opening {
  start(sink: Sink): void
}

/** Whether it is a subscription, of whichever copy of the library: bundlers make copies, and so does a reload in development. */
export const isSubscription = (value: unknown): value is Subscription =>
  value instanceof Object && "onward.subscription" in value

/**
 * What a stream is to carry, checked and ready to be opened any number of times. Give it to an adapter's `sse`; `open` is for
 * transports of your own.
 */
export class Subscription {
  readonly #core: Core
  readonly #selection: Selection
  readonly #options: SubscribeOptions

  /** A mark that all copies of the library know. */
  get "onward.subscription"(): true {
    return true
  }

  /** Made by `hub.subscribe`. */
  constructor(core: Core, options: SubscribeOptions) {
    this.#core = core
    this.#options = options
    checkNames("subscribe", options, OPTIONS)
    const topics = listOf("topics", options.topics)
    const patterns = listOf("patterns", options.patterns)
    const count = topics.length + patterns.length
    if (count === 0) throw new TypeError("subscribe needs `topics` or `patterns`")
    if (count > core.limits.topics) {
      throw new OnwardError(
        "too_many_topics",
        `a subscription may have ${core.limits.topics} topics and patterns, not ${count}`,
      )
    }
    for (const topic of topics) checkTopic(topic)
    for (const pattern of patterns) compilePattern(pattern)
    this.#selection = { topics, patterns, until: options.until && guarded(options.until, core) }
    const { who = "-" } = options
    if (typeof who !== "string" || who === "" || who.length > 256)
      throw new TypeError("subscribe: `who` must be a string of 1 to 256 characters")
    if (options.from !== undefined) checkStart(options.from, core.limits)
  }

  /** That of its hub: what a client means by "ten minutes ago" is ago by this clock. */
  get clock(): Clock {
    return this.#core.clock
  }

  /** Longest silence on its streams, in ms. */
  get heartbeat(): number {
    return this.#core.heartbeat
  }

  /**
   * Checks limits and the client's start point, before anything is sent.
   * @param asked where the client wants to begin; undefined when it does not say
   * @throws OnwardError `too_many_connections`, `too_many_connections_for_key`, `hub_draining`, `hub_closed`, `cursor_too_long`, `invalid_start`
   */
  open(asked?: StartPoint): Opening {
    const { key, signal, who, from = "live", allowHistory = true } = this.#options
    const isResume = typeof asked === "object" && "after" in asked
    const start = asked !== undefined && (isResume || allowHistory) ? checkStart(asked, this.#core.limits) : from
    this.#core.admit(this.#selection, key)
    return { start: (sink) => this.#core.open(this.#selection, sink, { start, key, signal, who }) }
  }
}
