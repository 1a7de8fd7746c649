import { byteLength } from "../bytes.ts"
import { OnwardError } from "../errors.ts"
import type { EventInput, EventSchemas } from "../events.ts"
import type { Appended } from "../log/index.ts"
import type { Message, Position, StoredMessage } from "../message.ts"
import { kindOf } from "../kind.ts"
import { checkKinds, checkNames } from "../options.ts"
import { appendTo, closed } from "./append.ts"
import { checkPublished, checkPublishOptions, type CheckedMessage, type PublishOptions } from "./check-published.ts"
import { followForgotten, forget, type ForgetOptions } from "./forget.ts"
import { Connections } from "./connections.ts"
import { end } from "./control.ts"
import { createContext } from "./create-context.ts"
import { appendFiled, type Filed } from "./filed-log.ts"
import { file } from "./filing.ts"
import { setInternals, type Internals } from "./hub-context.ts"
import { resolveOptions, type HubOptions } from "./hub-options.ts"
import type { Observe } from "./observation.ts"
import { LocalPresence } from "./presence/local.ts"
import { createPresence, noPresence, type Presence } from "./presence/presence.ts"
import { statsOf, type HubStats } from "./stats.ts"
import { select, type StreamInfo, type StreamsOptions } from "./stream-info.ts"
import { Subscription, type SubscribeOptions } from "./subscription.ts"

/** A message that fits the hub's contract. */
export type MessageOf<S extends EventSchemas> = string extends keyof S
  ? Message
  : Omit<Message, "event" | "data"> & EventInput<S>

/** What happened to a published message. */
export interface PublishResult {
  /** Its SSE id. A client that resumes after it receives the messages that follow. */
  readonly id: string
  /** True when its topic already kept an entry with its `id` or `idempotencyKey`: this message was neither stored nor delivered. */
  readonly repeated: boolean
}

/** A log plus this process's live subscribers. */
export interface Hub<S extends EventSchemas = EventSchemas> {
  /**
   * Publishes one message. Resolves to its SSE id when the log has stored it, as durably as the log guarantees. A message whose `id` or
   * `idempotencyKey` its topic already keeps is a repeat: it is not stored or delivered, and the id is that of the kept entry.
   * `publishResults` tells repeats.
   * @throws OnwardError `invalid_message`, `message_too_large`, `validation_failed`, `invalid_selector`, `hub_closed`, `log_…`
   */
  publish(message: MessageOf<S>, options?: PublishOptions): Promise<string>
  /**
   * Publishes messages atomically: all or none, in order, next to each other in the log. Only a message that is sent although its `id` is
   * known, by `repeatedIds`, or that shares its `id` with a message of other topics, is stored after the others.
   */
  publishMany(messages: readonly MessageOf<S>[], options?: PublishOptions): Promise<string[]>
  /** Publishes messages like `publishMany`. Resolves to the id of each, and whether it is a repeat. */
  publishResults(messages: readonly MessageOf<S>[], options?: PublishOptions): Promise<PublishResult[]>
  /**
   * Creates a subscription for an adapter's `sse`. It does not throw for invalid topics, patterns, keys and start points, which often come
   * from clients: `sse` answers them with 400.
   * @throws TypeError for options that do not exist or are of the wrong type
   */
  subscribe(options: SubscribeOptions): Subscription
  /** Current numbers of this process. It iterates over all streams, so call it every few seconds, not for every request. */
  stats(): HubStats
  /** The open streams of this process, at most `limit`. It iterates over all streams, like `stats`. */
  streams(options?: StreamsOptions): StreamInfo[]
  /** One open stream of this process; undefined if no stream has this id. */
  stream(id: string): StreamInfo | undefined
  /**
   * Closes one stream of this process. Its client reconnects and resumes; with `end` it gets `stream.end`, after which clients do not
   * reconnect. False if no stream has this id.
   */
  disconnect(id: string, options?: DisconnectOptions): boolean
  /** The streams and users on a topic, across all processes that share the log. Needs the option `presence`. */
  readonly presence: Presence
  /**
   * The position of the newest entry. Read it before a snapshot of a database: a subscription that starts after it, with `{ after }` or as the
   * client's `last_event_id`, receives each message that the snapshot lacks.
   * @throws OnwardError `hub_closed`, `log_…`
   */
  position(): Promise<string>
  /**
   * Removes the entries of a topic that were published before this call, from the log and from the memory of each process. A subscriber that
   * has not received them gets `stream.gap`. Their ids and idempotency keys can be used again. Resolves to the number of removed entries.
   * Entries with several topics (`also`) stay: the log has them elsewhere, and only `trim` removes them. What a store still holds of removed
   * entries, such as a backup, is described in docs/logs.md.
   * @throws TypeError, OnwardError `invalid_selector`, `invalid_start`, `hub_closed`, `log_unsupported`, `log_…`
   */
  forget(topic: string, options?: ForgetOptions): Promise<number>
  /** Removes entries of all topics like `forget`. Needs `upTo` or `before`. */
  trim(options: ForgetOptions): Promise<number>
  /**
   * Refuses new streams and closes all open ones, evenly over `duration` ms. Each client gets a different reconnection time. Publishing
   * still works. Resolves when all streams are closed.
   */
  drain(options?: DrainOptions): Promise<void>
  /** Closes all streams at once, and the log. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface DisconnectOptions {
  /** Whether the client is told not to reconnect. @default false */
  readonly end?: boolean
}

export interface DrainOptions {
  /** The time over which streams are closed, in ms. @default 5_000 */
  readonly duration?: number
}

/**
 * Makes a hub.
 * @example
 * const hub = createHub({ log: sqliteLog("events.db") })
 * http.createServer((req, res) => sse(req, res, hub.subscribe({ topics: ["prices"] }))).listen(3000)
 * await hub.publish({ topic: "prices", event: "tick", data: { symbol: "ACME", price: 12.5 } })
 */
export function createHub<S extends EventSchemas = EventSchemas>(options: HubOptions<S> = {}): Hub<S> {
  const settings = resolveOptions(options)
  const { events } = options
  const { log, limits, clock, observe } = settings
  const context = createContext(settings, (cause) => connections.giveUp(cause))
  const { tail, fanOut, window } = context
  const localPresence = settings.presence && new LocalPresence(settings.presence.isCounted)
  const connections = new Connections(context, localPresence)
  // after `connections`, which a log that fails at once gives up
  tail.start()

  async function validated(message: Message, how: PublishOptions): Promise<CheckedMessage> {
    const data = await events?.validate(message.event ?? "message", message.data)
    return checkPublished({ ...message, data }, limits, how)
  }

  const append = (messages: readonly StoredMessage[]): Promise<Appended> => appendTo(context, messages)

  async function publishUnobserved(given: readonly Message[], how: PublishOptions = {}): Promise<PublishResult[]> {
    return (await stored(given, how)).results
  }

  async function publishObserved(
    given: readonly Message[],
    observe: Observe,
    how: PublishOptions = {},
  ): Promise<PublishResult[]> {
    const startedAt = clock.monotonic()
    const told = { type: "published", messages: given } as const
    try {
      const { messages, results } = await stored(given, how)
      let repeated = 0
      let bytes = 0
      for (const [i, { data }] of messages.entries()) {
        if (results[i]?.repeated) repeated++
        else bytes += byteLength(data)
      }
      observe({ ...told, repeated, bytes, duration: clock.monotonic() - startedAt })
      return results
    } catch (error) {
      observe({ ...told, repeated: 0, bytes: 0, duration: clock.monotonic() - startedAt, error })
      throw error
    }
  }

  const publishResults: Hub["publishResults"] = observe
    ? (given, how) => publishObserved(given, observe, how)
    : (given, how) => publishUnobserved(given, how)

  async function stored(given: readonly Message[], how: PublishOptions): Promise<Stored> {
    checkPublishOptions(how)
    const messages = events
      ? await Promise.all(given.map((message) => validated(message, how)))
      : given.map((message) => checkPublished(message, limits, how))
    const filed = await appendFiled(context.log, append, messages, how)
    const results = messages.map((message, i) => {
      const { position, repeated } = filed[i] as Filed
      return { id: idFor(message, position, repeated), repeated }
    })
    return { messages, results }
  }

  const internals: Internals = {
    context,
    append,
    stored: (messages) => messages.map((each) => file(checkPublished(each, limits, { anyTopic: true }), "key")),
  }
  const presence =
    settings.presence && localPresence ? createPresence(settings.presence, localPresence, internals) : noPresence

  followForgotten(internals)

  const hub: Hub<S> = {
    presence,

    async publish(message, how) {
      const [result] = await publishResults([message], how)
      return (result as PublishResult).id
    },

    async publishMany(messages, how) {
      return (await publishResults(messages as readonly Message[], how)).map(({ id }) => id)
    },

    publishResults,

    async position() {
      if (context.isClosed) throw closed()
      return (await log.bounds()).last
    },

    forget: async (topic, options = {}) => forget(internals, "forget", [topic], options),

    async trim(options) {
      checkNames("trim", options, ["upTo", "before"])
      if (options.upTo === undefined && options.before === undefined) {
        throw new TypeError("trim takes `upTo` or `before`. To remove one topic, use hub.forget(topic).")
      }
      return forget(internals, "trim", undefined, options)
    },

    subscribe: (subscribeOptions) => new Subscription(connections, subscribeOptions),

    stats: () => ({
      ...statsOf(connections.cursors()),
      topics: fanOut.topics,
      position: tail.position,
      window: { entries: window.size, chars: window.chars },
    }),

    streams: (streamsOptions) => select(connections.cursors(), streamsOptions),

    stream: (id) => connections.find(id)?.info,

    disconnect(id, disconnectOptions = {}) {
      checkNames("disconnect", disconnectOptions, ["end"])
      checkKinds("disconnect", disconnectOptions, { end: "true or false" })
      const cursor = connections.find(id)
      if (disconnectOptions.end) cursor?.end("disconnected", end)
      else cursor?.sendAway("disconnected")
      return cursor !== undefined
    },

    async drain(drainOptions = {}) {
      checkNames("drain", drainOptions, ["duration"])
      const { duration = 5_000 } = drainOptions
      if (typeof duration !== "number" || !(duration >= 0)) {
        throw new TypeError(`drain: \`duration\` must be a number of milliseconds, not ${kindOf(duration)}.`)
      }
      connections.refuse(new OnwardError("hub_draining", "The hub is closing. Connect again, to another process."))
      await connections.drain(duration)
    },

    async close() {
      if (context.isClosed) return
      context.isClosed = true
      connections.refuse(new OnwardError("hub_closed", "The hub is closed. Connect to another process."))
      if (connections.size > 0) await connections.end(connections.cursors(), "drain")
      await presence.close()
      for (const close of context.onClose) close()
      context.sharedAnswers.forget()
      await tail.stop()
      await log.close()
    },

    [Symbol.asyncDispose]() {
      return this.close()
    },
  }
  setInternals(hub, internals)
  return hub
}

interface Stored {
  readonly messages: readonly StoredMessage[]
  readonly results: PublishResult[]
}

/** The id to resume after: the message's own SSE id. A repeat of a key can have another id than its entry, so it gets the position. */
function idFor({ id, idempotencyKey: key }: StoredMessage, position: Position, repeated: boolean): string {
  return id !== undefined && (key === undefined || !repeated) ? id : position
}
