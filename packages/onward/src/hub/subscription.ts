import type { Clock } from "../clock.ts"
import type { Entry } from "../message.ts"
import { OnwardError } from "../errors.ts"
import { kindOf } from "../kind.ts"
import { checkKinds, checkNames, durationOf } from "../options.ts"
import type { Sink } from "../sink.ts"
import { checkTopic } from "../topic.ts"
import type { Selection } from "./audience.ts"
import type { Connections } from "./connections.ts"
import { innerName } from "./filing.ts"
import { findStart } from "./find-start.ts"
import type { HubContext } from "./hub-context.ts"
import type { ResolvedStart } from "./resolve-start.ts"
import { checkMatcherKinds, Permission, selectorOfPattern, splitMatchers, type TopicMatcher } from "./selector.ts"
import { guardKey } from "./newest-by-key.ts"
import { guardPredicate } from "./guard-predicate.ts"
import { checkStart, checkStartKind, type StartPoint } from "./start-point.ts"

export interface SubscribeOptions {
  /**
   * Exact topic names. Safe to build from user input: `sse` answers an invalid name, or one that would be a pattern, with 400.
   */
  readonly topics?: readonly string[]
  /** Patterns: `*` for any characters, `:name` for one path segment, as in `news/*` or `users/:id`; `*` alone is every topic. */
  readonly patterns?: readonly string[]
  /** Further topics, selected by rules of the program. At most 1,000; not counted in `limits.topics`. @default none */
  readonly matchers?: readonly TopicMatcher[]
  /**
   * Which private entries it may receive: those with a topic that one of these matches. They must also have a topic that it asks for, the
   * same or another. At most 1,000. @default none
   */
  readonly may?: readonly TopicMatcher[]
  /** What follows `stream.gap` for a client whose last event id is unknown: all kept entries, or only new ones. @default "replay" */
  readonly unknownId?: "replay" | "live"
  /** The start point if the client sends none. @default "live" */
  readonly from?: StartPoint
  /** Whether a client without a last event id may choose its start point (`earliest`, `latest`, `since`, `last`). @default true */
  readonly allowHistory?: boolean
  /** Counts the stream against `limits.connectionsPerKey`: a user or an address. At most 512 characters. @default not counted */
  readonly limitKey?: string
  /** The user that `hub.presence` reports for this stream, at most 256 characters. It is written to the log. @default not reported */
  readonly userId?: string
  /** Names the kind of its streams to the option `observe` and in `hub.stats()`, at most 64 characters. Use few different ones. @default none */
  readonly label?: string
  /**
   * Sends the field `topic` with each event. `stream` and `EventSource` of `onward/client` have it as `event.topic`; other clients
   * ignore it. @default false
   */
  readonly includeTopic?: boolean
  /** Ends the stream with `stream.end` after the first entry for which it returns true. @default never */
  readonly until?: (entry: Entry) => boolean
  /** Whether the stream continues with new entries. False ends it with `stream.end` after the entries that are kept. @default true */
  readonly follow?: boolean
  /**
   * Only entries for which it returns true are sent. It runs for each entry of the topics and each stream, so it must be fast: 1,000 streams
   * with a filter of 1 µs hold the event loop for 1 ms an entry (`limits.filters`). If it throws, its stream ends with `stream.end`. @default all
   */
  readonly filter?: (entry: Entry) => boolean
  /**
   * For values that replace each other, such as positions on a map: a stream that falls behind or reconnects is sent only the newest entry of
   * each topic that it missed, without `stream.gap`; with a function, of each key that it returns, such as the id of a vehicle, at most 512
   * characters. The function runs once for each missed entry, of the newest 100,000, each time a stream falls behind. Pass the same function to
   * all subscriptions: equal searches are shared. @default false
   */
  readonly newestOnly?: boolean | ((entry: Entry) => string)
  /** Ends the streams of this subscription when it aborts. Clients then reconnect. */
  readonly signal?: AbortSignal
}

const OPTIONS = [
  "topics",
  "patterns",
  "matchers",
  "may",
  "unknownId",
  "from",
  "allowHistory",
  "limitKey",
  "userId",
  "label",
  "includeTopic",
  "until",
  "filter",
  "follow",
  "newestOnly",
  "signal",
]

const KINDS = {
  allowHistory: "true or false",
  includeTopic: "true or false",
  follow: "true or false",
  until: "a function",
  filter: "a function",
  signal: "an AbortSignal",
} as const

/** Maximum length of `limitKey`, `userId` and `label`, in characters. */
const MAX_LIMIT_KEY = 512
const MAX_USER_ID = 256
const MAX_LABEL = 64

/** Sorted and deduplicated, so that equal selections share an audience. */
function listOf(name: string, list: readonly string[] = []): string[] {
  if (Array.isArray(list)) {
    if (list.length < 2) return [...(list as readonly string[])]
    const unique = [...new Set(list as readonly string[])]
    // other values than strings are refused later, and cannot always be compared
    return unique.every((name) => typeof name === "string") ? unique.sort() : unique
  }
  const advice = typeof list === "string" ? `[${JSON.stringify(list)}]` : `["news"]`
  throw new TypeError(
    `subscribe: \`${name}\` must be an array of strings, not ${kindOf(list)}. Pass for instance ${advice}.`,
  )
}

/**
 * Checks values that a client can cause, because names, keys and start points often come from a request.
 * @throws OnwardError
 */
function selectionOf(options: SubscribeOptions, { limits, onError }: HubContext): Selection {
  const { matchers = [], may, until, filter, limitKey, userId, label, from, includeTopic } = options
  const topics = listOf("topics", options.topics)
  const patterns = listOf("patterns", options.patterns)
  const count = topics.length + patterns.length
  if (count + matchers.length === 0) {
    throw new OnwardError("invalid_selector", "The list of topics is empty. Name at least one topic.")
  }
  if (count > limits.topics) {
    throw new OnwardError(
      "too_many_topics",
      `A subscription can have ${limits.topics} topics and patterns, not ${count}. Ask for fewer.`,
    )
  }
  for (const topic of topics) checkTopic(topic)
  const selected = splitMatchers("matchers", matchers)
  const selection: Selection = {
    topics: selected.topics.length === 0 ? topics : listOf("topics", [...topics, ...selected.topics.map(innerName)]),
    selectors: [...patterns.map(selectorOfPattern), ...selected.selectors],
    may: may && new Permission(may),
    // one that throws ends its own stream only
    format: includeTopic ? "topic" : "plain",
    until: until && guardPredicate(until, true, onError),
    filter: filter && guardPredicate(filter, undefined, onError),
  }
  checkName("limitKey", limitKey, MAX_LIMIT_KEY)
  checkName("userId", userId, MAX_USER_ID)
  checkName("label", label, MAX_LABEL)
  if (from !== undefined) checkStart(from, limits)
  return selection
}

function checkName(name: string, value: string | undefined, max: number): void {
  if (value === undefined || (typeof value === "string" && value !== "" && value.length <= max)) return
  throw new OnwardError(
    "invalid_selector",
    `\`${name}\` must be a string of 1 to ${max} characters, not ${kindOf(value)}.`,
  )
}

const EMPTY: Selection = {
  topics: [],
  selectors: [],
  may: undefined,
  format: "plain",
  until: undefined,
  filter: undefined,
}

function resultOf<T>(check: () => T): T | OnwardError {
  try {
    return check()
  } catch (error) {
    if (error instanceof OnwardError) return error
    throw error
  }
}

/** A stream that can be started when the response head is sent. */
export interface PreparedStream {
  start(sink: Sink): void
}

/** What is known of a start point before the stream begins. */
export interface Resolved {
  /**
   * `live`: new entries only · `earliest`: a start that depends on what the log keeps, `since` and `last` too · `known`: everything after
   * the id is kept · `trimmed`: entries after the id are lost, or it is of an earlier epoch · `unknown`: the log does not know the id ·
   * `unavailable`: the log did not answer in time.
   */
  readonly found: "live" | "earliest" | "known" | "trimmed" | "unknown" | "unavailable"
  /** Starts there. The start point of the request does not count. */
  readonly subscription: Subscription
}

export interface ResolveOptions {
  /** How long to wait for the log, in ms. @default 5_000 */
  readonly timeout?: number
}

/** Whether a value is a subscription, of any copy of the library: bundlers and reloads in development make copies. */
export const isSubscription = (value: unknown): value is Subscription =>
  value instanceof Object && "onward.subscription" in value

/**
 * The topics and options of streams, checked. It can be opened any number of times. Give it to an adapter's `sse`; `open` is for custom
 * transports.
 */
export class Subscription {
  readonly #connections: Connections
  readonly #selection: Selection
  readonly #options: SubscribeOptions
  readonly #start: StartPoint | ResolvedStart | undefined
  /** The error that `open` throws when names, key or start point are invalid. Adapters answer with it; read it to send a different answer. */
  readonly refusal: OnwardError | undefined

  /** Marks a subscription for all copies of the library. */
  get "onward.subscription"(): true {
    return true
  }

  /** Made by `hub.subscribe`. */
  constructor(connections: Connections, options: SubscribeOptions, start?: StartPoint | ResolvedStart) {
    this.#connections = connections
    this.#options = options
    this.#start = start
    checkNames("subscribe", options, OPTIONS)
    checkKinds("subscribe", options, KINDS)
    const { newestOnly } = options
    if (newestOnly !== undefined && typeof newestOnly !== "boolean" && typeof newestOnly !== "function") {
      throw new TypeError(`subscribe: \`newestOnly\` must be true, false or a function, not ${kindOf(newestOnly)}.`)
    }
    const { topics, patterns, matchers, may, unknownId, from } = options
    if (topics === undefined && patterns === undefined && matchers === undefined) {
      throw new TypeError('subscribe needs `topics` or `patterns`. Pass for instance { topics: ["news"] }.')
    }
    checkMatcherKinds("matchers", matchers)
    checkMatcherKinds("may", may)
    if (unknownId !== undefined && unknownId !== "replay" && unknownId !== "live") {
      throw new TypeError(`subscribe: \`unknownId\` must be "replay" or "live", not ${kindOf(unknownId)}.`)
    }
    if (from !== undefined) checkStartKind(from)
    const selection = resultOf(() => selectionOf(options, connections.context))
    this.refusal = selection instanceof OnwardError ? selection : undefined
    this.#selection = selection instanceof OnwardError ? EMPTY : selection
  }

  /** The clock of its hub, by which a client's "ten minutes ago" is counted. */
  get clock(): Clock {
    return this.#connections.context.clock
  }

  /** Maximum silence on its streams, in ms. */
  get heartbeat(): number {
    return this.#connections.context.heartbeat
  }

  /** Whether it was made by `resolve`, so that it ignores the start point of a request. */
  get isResolved(): boolean {
    return this.#start !== undefined
  }

  /**
   * Finds where a stream will start before its response begins, for a response head that depends on it.
   * @param asked the start point that the client sent, if any
   * @throws OnwardError as `open` does for a start point
   */
  async resolve(asked?: StartPoint, options: ResolveOptions = {}): Promise<Resolved> {
    checkNames("resolve", options, ["timeout"])
    const timeout = durationOf("resolve: `timeout`", options.timeout, 5_000)
    if (this.refusal) throw this.refusal
    const start = this.#startOf(asked)
    const { context } = this.#connections
    const { found, resolved = start } = await findStart(context, this.#selection, start, {
      unknownId: this.#options.unknownId ?? "replay",
      timeout,
    })
    return { found, subscription: new Subscription(this.#connections, this.#options, resolved) }
  }

  /**
   * Checks limits and the client's start point, before anything is sent.
   * @param asked the start point that the client sent, if any
   * @throws OnwardError `invalid_selector`, `too_many_topics`, `too_many_connections`, `too_many_connections_for_key`, `too_many_patterns`,
   * `too_many_patterns_for_key`, `too_many_filters`, `hub_draining`,
   * `hub_closed`, `cursor_too_long`, `invalid_start`
   */
  open(asked?: StartPoint): PreparedStream {
    try {
      return this.#open(asked)
    } catch (error) {
      const { label } = this.#options
      if (error instanceof OnwardError) {
        this.#connections.context.observe?.({ type: "refused", code: error.code, label })
      }
      throw error
    }
  }

  #open(asked: StartPoint | undefined): PreparedStream {
    if (this.refusal) throw this.refusal
    const { limitKey, signal, userId, label, unknownId = "replay", follow = true, newestOnly = false } = this.#options
    const start = this.#start ?? this.#startOf(asked)
    this.#connections.admit(this.#selection, limitKey)
    const { onError } = this.#connections.context
    const newest = typeof newestOnly === "function" ? guardKey(newestOnly, onError) : newestOnly
    const how = { start, unknownId, limitKey, signal, userId, label, follow, newestOnly: newest }
    return { start: (sink) => this.#connections.open(this.#selection, sink, how) }
  }

  #startOf(asked: StartPoint | undefined): StartPoint {
    const { from = "live", allowHistory = true } = this.#options
    const isResume = typeof asked === "object" && "after" in asked
    const isTaken = asked !== undefined && (isResume || allowHistory)
    return isTaken ? checkStart(asked, this.#connections.context.limits) : from
  }
}
