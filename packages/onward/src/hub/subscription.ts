import type { Clock } from "../clock.ts"
import type { Entry } from "../message.ts"
import { OnwardError } from "../errors.ts"
import { kindOf } from "../kind.ts"
import { checkKinds, checkNames } from "../options.ts"
import type { Sink } from "../sink.ts"
import { checkTopic, compilePattern } from "../topic.ts"
import type { Selection } from "./audience.ts"
import type { Connections } from "./connections.ts"
import type { Limits } from "./limits.ts"
import { checkStart, checkStartKind, type StartPoint } from "./start-point.ts"

export interface SubscribeOptions {
  /**
   * Exact topic names. Safe to build from user input: `sse` answers an invalid name, or one that would be a pattern, with 400.
   */
  readonly topics?: readonly string[]
  /** Patterns: `*` for any characters, `:name` for one path segment, as in `news/*` or `users/:id`; `*` alone is every topic. */
  readonly patterns?: readonly string[]
  /** The start point if the client sends none. @default "live" */
  readonly from?: StartPoint
  /** Whether a client without a last event id may choose its start point (`earliest`, `since`, `last`). @default true */
  readonly allowHistory?: boolean
  /** Counts the stream against `limits.connectionsPerKey`: a user or an address. At most 512 characters. @default not counted */
  readonly limitKey?: string
  /** The user that `hub.presence` reports for this stream, at most 256 characters. It is written to the log. @default not reported */
  readonly userId?: string
  /** Names the kind of its streams to the option `observe` and in `hub.stats()`, at most 64 characters. Use few different ones. @default none */
  readonly label?: string
  /** Ends the stream with `stream.end` after the first entry for which it returns true. @default never */
  readonly until?: (entry: Entry) => boolean
  /** Whether the stream continues with new entries. False ends it with `stream.end` after the entries that are kept. @default true */
  readonly follow?: boolean
  /** Ends the streams of this subscription when it aborts. Clients then reconnect. */
  readonly signal?: AbortSignal
}

const OPTIONS = [
  "topics",
  "patterns",
  "from",
  "allowHistory",
  "limitKey",
  "userId",
  "label",
  "until",
  "follow",
  "signal",
]

const KINDS = {
  allowHistory: "true or false",
  follow: "true or false",
  until: "a function",
  signal: "an AbortSignal",
} as const

/** Maximum length of `limitKey`, `userId` and `label`, in characters. */
const MAX_LIMIT_KEY = 512
const MAX_USER_ID = 256
const MAX_LABEL = 64

/** Sorted and deduplicated, so that equal selections share an audience. */
function listOf(name: string, list: readonly string[] = []): string[] {
  if (Array.isArray(list)) {
    const unique = [...new Set(list as readonly string[])]
    // other values than strings are refused later, and cannot always be compared
    return unique.every((name) => typeof name === "string") ? unique.sort() : unique
  }
  const advice = typeof list === "string" ? `[${JSON.stringify(list)}]` : `["news"]`
  throw new TypeError(
    `subscribe: \`${name}\` must be an array of strings, not ${kindOf(list)}. Pass for instance ${advice}.`,
  )
}

/** Throws `OnwardError` for values that a client can cause: names, keys and start points often come from a request. */
function checkValues(
  { topics, patterns }: Selection,
  { limitKey, userId, label, from }: SubscribeOptions,
  limits: Limits,
): void {
  const count = topics.length + patterns.length
  if (count === 0) throw new OnwardError("invalid_selector", "The list of topics is empty. Name at least one topic.")
  if (count > limits.topics) {
    throw new OnwardError(
      "too_many_topics",
      `A subscription can have ${limits.topics} topics and patterns, not ${count}. Ask for fewer.`,
    )
  }
  for (const topic of topics) checkTopic(topic)
  for (const pattern of patterns) compilePattern(pattern)
  checkName("limitKey", limitKey, MAX_LIMIT_KEY)
  checkName("userId", userId, MAX_USER_ID)
  checkName("label", label, MAX_LABEL)
  if (from !== undefined) checkStart(from, limits)
}

function checkName(name: string, value: string | undefined, max: number): void {
  if (value === undefined || (typeof value === "string" && value !== "" && value.length <= max)) return
  throw new OnwardError(
    "invalid_selector",
    `\`${name}\` must be a string of 1 to ${max} characters, not ${kindOf(value)}.`,
  )
}

function refusalOf(check: () => void): OnwardError | undefined {
  try {
    check()
  } catch (error) {
    if (error instanceof OnwardError) return error
    throw error
  }
  return undefined
}

/** An `until` that throws ends its own stream only. */
function guarded(until: (entry: Entry) => boolean, onError: (error: unknown) => void): (entry: Entry) => boolean {
  return (entry) => {
    try {
      return until(entry)
    } catch (error) {
      onError(error)
      return true
    }
  }
}

/** A stream that can be started when the response head is sent. */
export interface PreparedStream {
  start(sink: Sink): void
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
  /** The error that `open` throws when names, key or start point are invalid. Adapters answer with it; read it to send a different answer. */
  readonly refusal: OnwardError | undefined

  /** Marks a subscription for all copies of the library. */
  get "onward.subscription"(): true {
    return true
  }

  /** Made by `hub.subscribe`. */
  constructor(connections: Connections, options: SubscribeOptions) {
    this.#connections = connections
    this.#options = options
    checkNames("subscribe", options, OPTIONS)
    checkKinds("subscribe", options, KINDS)
    if (options.topics === undefined && options.patterns === undefined) {
      throw new TypeError('subscribe needs `topics` or `patterns`. Pass for instance { topics: ["news"] }.')
    }
    if (options.from !== undefined) checkStartKind(options.from)
    const topics = listOf("topics", options.topics)
    const patterns = listOf("patterns", options.patterns)
    this.#selection = { topics, patterns, until: options.until && guarded(options.until, connections.context.onError) }
    this.refusal = refusalOf(() => checkValues(this.#selection, options, connections.context.limits))
  }

  /** The clock of its hub, by which a client's "ten minutes ago" is counted. */
  get clock(): Clock {
    return this.#connections.context.clock
  }

  /** Maximum silence on its streams, in ms. */
  get heartbeat(): number {
    return this.#connections.context.heartbeat
  }

  /**
   * Checks limits and the client's start point, before anything is sent.
   * @param asked the start point that the client sent, if any
   * @throws OnwardError `invalid_selector`, `too_many_topics`, `too_many_connections`, `too_many_connections_for_key`, `too_many_patterns`,
   * `too_many_patterns_for_key`, `hub_draining`,
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
    const { limitKey, signal, userId, label, from = "live", allowHistory = true, follow = true } = this.#options
    const isResume = typeof asked === "object" && "after" in asked
    const start =
      asked !== undefined && (isResume || allowHistory) ? checkStart(asked, this.#connections.context.limits) : from
    this.#connections.admit(this.#selection, limitKey)
    return {
      start: (sink) =>
        this.#connections.open(this.#selection, sink, { start, limitKey, signal, userId, label, follow }),
    }
  }
}
