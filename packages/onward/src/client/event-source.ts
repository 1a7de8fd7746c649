import type { OnwardError } from "../errors.ts"
import type { ParsedEvent } from "../protocol/index.ts"
import { EVENT_SOURCE_OPTIONS, RETRY_OPTIONS } from "../client-options.ts"
import { checkNames } from "../options.ts"
import type { Connection, ConnectionOptions } from "./connection.ts"
import { openConnection, type ObserveOptions } from "./observe.ts"
import { hrefOf } from "./request.ts"
import type { RetryOptions } from "./retry.ts"

export interface EventSourceOptions extends ConnectionOptions, ObserveOptions {
  /** Whether to send cookies to other origins. @default false */
  readonly withCredentials?: boolean
  /**
   * Whether, and how, the client also retries after 408, 425, 429 and 5xx, with growing delays and jitter. The standard does not retry then.
   * @default false
   */
  readonly retry?: boolean | RetryOptions
  /** Delay before reconnecting if the server sets none, in ms. @default 3_000 */
  readonly reconnectionTime?: number
}

/** An `error` event with its cause, which browsers do not report. */
export interface EventSourceErrorEvent extends Event {
  /** The cause. Undefined after a 204, with which a server ends the stream. */
  readonly error: OnwardError | undefined
}

/** A `MessageEvent` whose data is text. Without TypeScript's DOM library `MessageEvent` takes no type argument. */
export type TextMessageEvent = Omit<MessageEvent, "data"> & { readonly data: string }

/** The options of `addEventListener` in the DOM standard. */
export interface ListenerOptions {
  readonly capture?: boolean
  /** Removes the listener after its first event. @default false */
  readonly once?: boolean
  readonly passive?: boolean
  /** Removes the listener when aborted. */
  readonly signal?: AbortSignal
}

/** A listener of any event: a function, or an object with the method `handleEvent`. */
export type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown }

/** The built-in events of an `EventSource`. Events with other names are `MessageEvent`s. */
export interface EventSourceEventMap {
  open: Event
  message: TextMessageEvent
  error: EventSourceErrorEvent
}

/** React Native has no `EventTarget`: there only `stream` works, but this module must load. */
const Target: typeof EventTarget = globalThis.EventTarget ?? Object

/** The value of `onopen`, `onmessage` and `onerror`. */
export type EventSourceHandler<E extends Event> = ((this: EventSource, event: E) => unknown) | null

/** The URL of a source that reads a stream of bytes: whatwg/html#12272. */
const NO_URL = "about:event-stream"

/**
 * The standard `EventSource` (WHATWG HTML section 9.2) for every runtime, with options that the standard does not have, such as `headers`.
 * One difference: a script cannot send `Last-Event-ID` to another origin without a CORS preflight. Servers of Onward receive the id in the
 * query instead.
 *
 * @throws DOMException `SyntaxError` if the URL is invalid
 * @example
 * const source = new EventSource("/events", { headers: async () => ({ authorization: `Bearer ${await token()}` }) })
 * source.addEventListener("tick", ({ data, lastEventId }) => console.log(lastEventId, JSON.parse(data)))
 */
export class EventSource extends Target {
  declare static readonly CONNECTING: 0
  declare static readonly OPEN: 1
  declare static readonly CLOSED: 2
  declare readonly CONNECTING: 0
  declare readonly OPEN: 1
  declare readonly CLOSED: 2
  declare onopen: EventSourceHandler<Event>
  declare onmessage: EventSourceHandler<TextMessageEvent>
  declare onerror: EventSourceHandler<EventSourceErrorEvent>
  readonly #url: string
  readonly #withCredentials: boolean
  readonly #connection: Connection
  #readyState: 0 | 1 | 2 = 0
  #origin = "null"

  constructor(url: string | URL, options: EventSourceOptions = {}) {
    super()
    checkNames("EventSource", options, EVENT_SOURCE_OPTIONS)
    if (typeof options.retry === "object") checkNames("EventSource's retry", options.retry, RETRY_OPTIONS)
    const { signal, retry, withCredentials, reconnectionTime = 3_000 } = options
    this.#url = resolve(url)
    this.#withCredentials = Boolean(withCredentials)
    const isFinite = this.#url === NO_URL
    const policy = {
      retry: retry === true ? {} : (retry ?? false),
      reconnectionTime,
      canRepeat: () => !isFinite,
      isFinite,
    }
    const dispatch = ({ event, data, id, topic }: ParsedEvent): void => {
      const message = new MessageEvent(event, { data, lastEventId: id, origin: this.#origin })
      this.dispatchEvent(topic ? Object.assign(message, { topic }) : message)
    }
    this.#connection = openConnection(
      this.#url,
      { ...(withCredentials && { credentials: "include" }), ...options },
      policy,
      {
        onOpen: (response) => {
          this.#origin = isFinite ? "null" : new URL(response?.url || this.#url).origin
          this.#readyState = 1
          this.dispatchEvent(new Event("open"))
        },
        onEvent: dispatch,
        onCheckpoint: dispatch,
        onReconnecting: (error) => this.#fail(0, error),
      },
    )
    const onAbort = (): void => this.close()
    if (signal?.aborted) onAbort()
    signal?.addEventListener("abort", onAbort)
    void this.#connection
      .run()
      .catch((error: OnwardError) => error)
      .then((error) => this.#fail(2, error))
      .finally(() => signal?.removeEventListener("abort", onAbort))
  }

  /**
   * Creates an `EventSource` that reads a stream of bytes (whatwg/html#12272). It sends no request, and closes when the stream ends. Throws
   * `TypeError` if the stream is locked.
   */
  static fromReadableStream(stream: ReadableStream<Uint8Array>): EventSource {
    const reader = stream.getReader()
    const headers = { get: () => "text/event-stream" }
    const response = { status: 200, url: NO_URL, headers, body: { getReader: () => reader } }
    return new this(NO_URL, { fetch: () => Promise.resolve(response) })
  }

  /** The absolute URL of the request. Redirects do not change it. */
  get url(): string {
    return this.#url
  }

  get withCredentials(): boolean {
    return this.#withCredentials
  }

  get readyState(): 0 | 1 | 2 {
    return this.#readyState
  }

  /** The id after which a reconnect resumes: whatwg/html#12272. */
  get lastEventId(): string {
    return this.#connection.lastEventId
  }

  /** Delay before a reconnect, in ms, which the server or the options set: whatwg/html#12272. */
  get reconnectionTime(): number {
    return this.#connection.reconnectionTime
  }

  /** Discards a partly received event, for a stream of bytes that starts again: whatwg/html#12272. */
  reset(): void {
    this.#connection.reset()
  }

  /** Closes the connection. No event follows, not even one that has already arrived. */
  close(): void {
    this.#readyState = 2
    this.#connection.close()
  }

  #fail(readyState: 0 | 2, error: OnwardError | void): void {
    if (this.#readyState === 2) return
    this.#readyState = readyState
    this.dispatchEvent(Object.assign(new Event("error"), { error }))
  }

  declare addEventListener: EventSourceListening
  declare removeEventListener: EventSourceListening
}

/** Adds or removes a listener. */
export interface EventSourceListening {
  <K extends keyof EventSourceEventMap>(
    type: K,
    listener: (this: EventSource, event: EventSourceEventMap[K]) => unknown,
    options?: boolean | ListenerOptions,
  ): void
  (
    type: string,
    listener: (this: EventSource, event: TextMessageEvent) => unknown,
    options?: boolean | ListenerOptions,
  ): void
  (type: string, listener: Listener | null, options?: boolean | ListenerOptions): void
}

/** Web IDL defines constants on the constructor and on its prototype. */
for (const target of [EventSource, EventSource.prototype]) {
  for (const [value, name] of ["CONNECTING", "OPEN", "CLOSED"].entries()) {
    Object.defineProperty(target, name, { value, enumerable: true })
  }
}
/** Libraries such as the MCP SDK look for this property before they use the option `fetch`. */
Object.defineProperty(EventSource, Symbol.for("eventsource.supports-fetch-override"), { value: true })

/** A handler set again keeps its position among the listeners (WHATWG HTML section 8.1.8.1). */
for (const type of ["open", "message", "error"]) {
  const slots = new WeakMap<EventSource, Slot>()
  Object.defineProperty(EventSource.prototype, `on${type}`, {
    enumerable: true,
    configurable: true,
    get(this: EventSource) {
      return slots.get(this)?.handler ?? null
    },
    set(this: EventSource, handler: unknown) {
      let slot = slots.get(this)
      if (!slot) {
        slots.set(this, (slot = { handleEvent: (event) => slot?.handler?.call(this, event) }))
        this.addEventListener(type, slot)
      }
      slot.handler = typeof handler === "function" ? (handler as Slot["handler"]) : null
    },
  })
}

interface Slot {
  handler?: ((event: Event) => unknown) | null | undefined
  handleEvent(event: Event): unknown
}

function resolve(url: string | URL): string {
  try {
    return hrefOf(url)
  } catch (error) {
    throw new DOMException((error as Error).message, "SyntaxError")
  }
}
