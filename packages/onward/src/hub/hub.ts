import { checkClock, systemClock, type Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import { checkContract, type EventContract, type EventInput, type EventSchemas } from "../events.ts"
import { checkLog, checkMessage, memoryLog, repeatsOf, type Appended, type Log } from "../log/index.ts"
import type { Message, Position, StoredMessage } from "../message.ts"
import { kindOf } from "../kind.ts"
import { checkKinds, checkNames, durationOf } from "../options.ts"
import { comment } from "./control.ts"
import { Core } from "./core.ts"
import { setInternals } from "./internals.ts"
import {
  createLocalPresence,
  createPresence,
  noPresence,
  type Presence,
  type PresenceOptions,
} from "./presence/presence.ts"
import { defaultLimits, resolveLimits, type Limits } from "./limits.ts"
import { Subscription, type SubscribeOptions } from "./subscription.ts"
import type { WindowOptions } from "./window.ts"

export interface HubOptions<S extends EventSchemas = EventSchemas> {
  /** The log that stores entries. `hub.close()` closes it. @default memoryLog() */
  readonly log?: Log
  /** The events that may be published, from `defineEvents`; publishing then validates. @default any */
  readonly events?: EventContract<S>
  /** How many of the newest entries stay in memory, for clients that reconnect. */
  readonly window?: Partial<WindowOptions>
  /** Longest silence on a stream, in ms. @default 15_000 */
  readonly heartbeat?: number
  /** How long a client may read nothing before its stream is closed, in ms. It resumes when it reconnects. @default 120_000 */
  readonly stallTimeout?: number
  /**
   * Maximum duration of a stream, in ms. Its client then reconnects, for example to another process, or before a proxy's limit. A stream
   * ends up to a tenth earlier, or up to half a second if that is longer, so that clients that connected together do not reconnect together. @default Infinity
   */
  readonly maxStreamAge?: number
  /** What the hub refuses: streams, topics and messages beyond these numbers and sizes. */
  readonly limits?: Partial<Limits>
  /** Enables `hub.presence`: the number of streams and the users on each topic, across processes. It writes to the log. @default false */
  readonly presence?: boolean | PresenceOptions
  /** Called with errors that no caller awaits, such as an unavailable store. @default console.error */
  readonly onError?: (error: unknown) => void
  /** The source of time and random numbers. In tests, a clock of `onward/testing`. @default the machine's */
  readonly clock?: Clock
}

/** A message that fits the hub's contract. */
export type MessageOf<S extends EventSchemas> = string extends keyof S
  ? Message
  : Omit<Message, "event" | "data"> & EventInput<S>

/** What became of a published message. */
export interface PublishResult {
  /** Its SSE id: what a client resumes after. */
  readonly id: string
  /** True when its topic already kept an entry with its `id` or `idempotencyKey`: then this message was neither stored nor delivered. */
  readonly repeated: boolean
}

/** What a hub is doing now. */
export interface HubStats {
  /** Streams that are open in this process. */
  readonly connections: number
  /** Streams that receive new entries at once. The others are catching up, or their client does not read. */
  readonly live: number
  /** Exact topics with at least one subscription. */
  readonly topics: number
  /** Entries and characters of data in the window. */
  readonly window: { readonly entries: number; readonly chars: number }
}

/** A log plus this process's live subscribers. */
export interface Hub<S extends EventSchemas = EventSchemas> {
  /**
   * Publishes one message. Resolves to its SSE id when the log has stored it, as durably as the log guarantees. A message whose `id` or
   * `idempotencyKey` its topic already keeps is a repeat: it is not stored or delivered, and the id is that of the kept entry.
   * `publishResults` tells repeats.
   * @throws OnwardError `invalid_message`, `message_too_large`, `validation_failed`, `invalid_selector`, `hub_closed`, `log_…`
   */
  publish(message: MessageOf<S>): Promise<string>
  /** Publishes messages atomically: all or none, in order, next to each other in the log. */
  publishMany(messages: readonly MessageOf<S>[]): Promise<string[]>
  /** Publishes messages like `publishMany`. Resolves to the id of each, and whether it is a repeat. */
  publishResults(messages: readonly MessageOf<S>[]): Promise<PublishResult[]>
  /**
   * Creates a subscription for an adapter's `sse`. It does not throw for invalid topics, patterns, keys and start points, which often come
   * from clients: `sse` answers them with 400.
   * @throws TypeError for options that do not exist or are of the wrong type
   */
  subscribe(options: SubscribeOptions): Subscription
  /** Current numbers of this process. It iterates over all streams, so call it every few seconds, not for every request. */
  stats(): HubStats
  /** The streams and users on a topic, across all processes that share the log. Needs the option `presence`. */
  readonly presence: Presence
  /**
   * Refuses new streams and closes all open ones, evenly over `duration` ms. Each client gets a different reconnection time. Publishing
   * still works. Resolves when all streams are closed.
   */
  drain(options?: DrainOptions): Promise<void>
  /** Closes all streams at once, and the log. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface DrainOptions {
  /** The time over which streams are closed, in ms. @default 5_000 */
  readonly duration?: number
}

const OPTIONS = [
  "log",
  "events",
  "window",
  "heartbeat",
  "stallTimeout",
  "maxStreamAge",
  "limits",
  "presence",
  "onError",
  "clock",
  ...Object.keys(defaultLimits).map((name) => `limits.${name}`),
  "window.entries",
  "window.chars",
]

/**
 * Makes a hub.
 * @example
 * const hub = createHub({ log: sqliteLog("events.db") })
 * http.createServer((req, res) => sse(req, res, hub.subscribe({ topics: ["prices"] }))).listen(3000)
 * await hub.publish({ topic: "prices", event: "tick", data: { symbol: "ACME", price: 12.5 } })
 */
export function createHub<S extends EventSchemas = EventSchemas>(options: HubOptions<S> = {}): Hub<S> {
  checkNames("createHub", options, OPTIONS)
  checkKinds("createHub", options, { onError: "a function" })
  const { events, clock = systemClock } = options
  checkClock("createHub", clock)
  if (options.log !== undefined) checkLog("createHub", options.log)
  if (events !== undefined) checkContract("createHub", events)
  const core = new Core({
    log: options.log ?? memoryLog({ clock }),
    clock,
    limits: resolveLimits(options.limits),
    window: windowOf(options.window),
    heartbeat: durationOf("heartbeat", options.heartbeat, 15_000),
    stallTimeout: durationOf("stallTimeout", options.stallTimeout, 120_000),
    maxStreamAge: durationOf("maxStreamAge", options.maxStreamAge, Infinity),
    localPresence: createLocalPresence(options.presence),
    onError: options.onError ?? ((error) => console.error("onward:", error)),
  })

  const check = (message: Message): StoredMessage =>
    checkMessage(message, core.limits.messageBytes, core.limits.cursorBytes)

  async function validated(message: Message): Promise<StoredMessage> {
    if (!events) return check(message)
    return check({ ...message, data: await events.validate(message.event ?? "message", message.data) })
  }

  async function append(messages: readonly StoredMessage[]): Promise<Appended> {
    try {
      if (core.isClosed) throw closed()
      // who was live before this publish must get it, so the tail must know where it began
      if (!core.tail.isReady) {
        await core.log.bounds() // a store that is away fails this publish, instead of holding it up
        await core.tail.ready
      }
      const appended = await core.log.append(messages)
      core.tail.appended(messages, appended)
      return appended
    } catch (error) {
      throw core.isClosed ? closed(error) : error
    }
  }

  async function publishResults(given: readonly Message[]): Promise<PublishResult[]> {
    const messages = events ? await Promise.all(given.map(validated)) : given.map(check)
    const appended = await append(messages)
    const repeats = repeatsOf(appended)
    return messages.map((message, i) => {
      const repeated = repeats[i] === true
      return { id: idFor(message, appended.positions[i] as Position, repeated), repeated }
    })
  }

  const internals = { core, append }
  const presence = core.localPresence
    ? createPresence(options.presence === true ? {} : options.presence || {}, core.localPresence, internals)
    : noPresence

  const hub: Hub<S> = {
    presence,

    async publish(message) {
      const [result] = await publishResults([message])
      return (result as PublishResult).id
    },

    async publishMany(messages) {
      return (await publishResults(messages as readonly Message[])).map(({ id }) => id)
    },

    publishResults,

    subscribe: (subscribeOptions) => new Subscription(core, subscribeOptions),

    stats() {
      let live = 0
      for (const cursor of core.cursors()) if (cursor.isLive) live++
      return {
        connections: core.connections,
        live,
        topics: core.fanOut.topics,
        window: { entries: core.window.size, chars: core.window.chars },
      }
    },

    async drain(drainOptions = {}) {
      checkNames("drain", drainOptions, ["duration"])
      const { duration = 5_000 } = drainOptions
      if (typeof duration !== "number" || !(duration >= 0)) {
        throw new TypeError(`drain: \`duration\` must be a number of milliseconds, not ${kindOf(duration)}.`)
      }
      core.refuse(
        new OnwardError("hub_draining", "this hub is closing: connect again, to another process if there is one"),
      )
      await closeEvenly(core, duration)
    },

    async close() {
      if (core.isClosed) return
      core.isClosed = true
      core.refuse(new OnwardError("hub_closed", "this hub is closed"))
      if (core.connections > 0) await core.end(core.cursors(), () => comment)
      if (core.localPresence) await presence.close()
      await core.tail.stop()
      await core.log.close()
    },

    [Symbol.asyncDispose]() {
      return this.close()
    },
  }
  setInternals(hub, internals)
  return hub
}

function windowOf(given: Partial<WindowOptions> = {}): WindowOptions {
  checkNames("createHub's window", given, ["maxEntries", "maxChars"])
  const { maxEntries = 10_000, maxChars = 16_777_216 } = given
  for (const [name, value] of Object.entries({ maxEntries, maxChars })) {
    if (typeof value === "number" && value >= 0) continue
    throw new TypeError(`createHub: \`window.${name}\` must be a number, 0 or more, not ${kindOf(value)}.`)
  }
  return { maxEntries, maxChars }
}

const closed = (cause?: unknown): OnwardError =>
  new OnwardError("hub_closed", "this hub is closed: nothing was published", { cause })

/** What resuming after a message takes: its SSE id, or for one that repeated a key, whose entry may have another id, the position. */
function idFor({ id, idempotencyKey: key }: StoredMessage, position: Position, repeated: boolean): string {
  return id !== undefined && (key === undefined || !repeated) ? id : position
}

/** Ends all streams over a time, in even steps; each client is told another time to come back after. */
async function closeEvenly(core: Core, over: number): Promise<void> {
  const { clock } = core
  const cursors = [...core.cursors()]
  const startedAt = clock.monotonic()
  const letGo = clock.hold()
  for (let ended = 0; core.connections > 0;) {
    const share = over > 0 ? Math.min(1, (clock.monotonic() - startedAt) / over) : 1
    for (const due = Math.floor(cursors.length * share); ended < due; ended++) {
      if (core.turns.isOver) await core.turns.next()
      cursors[ended]?.sendAway()
    }
    if (core.connections > 0) await new Promise<void>((resolve) => clock.after(50, resolve))
  }
  letGo()
}
