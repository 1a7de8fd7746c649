import { systemClock } from "../clock.ts"
import type { OnwardError } from "../errors.ts"
import { RETRY_OPTIONS, STREAM_OPTIONS } from "../client-options.ts"
import type { EventSchemas } from "../events.ts"
import { checkNames } from "../options.ts"
import { SAFE_METHODS } from "../methods.ts"
import type { Connection, ConnectionOptions, ConnectionOwner } from "./connection.ts"
import { createInbox } from "./inbox.ts"
import { openConnection, type ObserveOptions } from "./observe.ts"
import { watchPageLifecycle, type PageAbsence } from "./page-lifecycle.ts"
import {
  nextTyped,
  Received,
  type Gap,
  type StreamEvent,
  type TypedOptions,
  type TypedStreamEvent,
} from "./received.ts"
import { fault, hrefOf, isUnsent, methodOf, type Attempt, type RequestBody, type FetchedResponse } from "./request.ts"
import type { RetryOptions } from "./retry.ts"
import { canShare, createSharedConnection, type SharedOptions } from "./shared.ts"

/** The state of a stream. */
export type StreamStatus =
  | { readonly state: "idle" | "paused" | "ended" }
  | { readonly state: "connecting"; readonly attempt: number }
  /** `response` is undefined if another tab holds the shared connection. */
  | { readonly state: "open"; readonly response: FetchedResponse | undefined }
  | { readonly state: "reconnecting"; readonly error: OnwardError; readonly delay: number }
  | { readonly state: "failed"; readonly error: unknown }

export interface StreamOptions extends Omit<ConnectionOptions, "body">, ObserveOptions {
  /** The request body. Plain objects and arrays are sent as JSON. A function is called for each attempt. */
  readonly body?:
    | RequestBody
    | Readonly<Record<string, unknown>>
    | readonly unknown[]
    | ((attempt: Attempt) => RequestBody | Promise<RequestBody>)
  /**
   * How the client retries after 408, 425, 429, 5xx, timeouts, lost connections and if the server is unreachable. Delays grow, have jitter, and
   * are never shorter than the server's `Retry-After` or `retry`. False disables retries. @default true
   */
  readonly retry?: boolean | RetryOptions
  /** Whether the client reconnects when a response ends without `stream.end`. Set false for finite responses, like an AI provider's. @default true */
  readonly reconnectOnEnd?: boolean
  /**
   * Whether the client may send the request again. `with-id`: only if there is an id to resume from, if the server refused the request (408, 425,
   * 429, 503), or if the request was never sent, which only Node reports. @default "always" for GET, HEAD and QUERY, else "with-id"
   */
  readonly repeat?: "always" | "with-id" | "never"
  /**
   * The URL from which the client resumes by GET once a response has begun, for requests that start a run. Requests to another origin are sent
   * without `headers`. @default the same request
   */
  readonly resume?: string | URL | ((response: FetchedResponse, lastEventId: string) => string | URL)
  /** Ends the stream: at an event whose data equals this text, which is not delivered, or after the first event for which the function returns true. */
  readonly until?: string | ((event: StreamEvent) => boolean)
  /**
   * Called with each new status. A connection that is replaced within `reconnectingAfter` causes one call, `open` with the new response.
   */
  readonly onStatus?: (status: StreamStatus) => void
  /** How long a stream without a connection keeps the status `open` before it changes to `reconnecting`, in ms. 0: at once. @default 1_000 */
  readonly reconnectingAfter?: number
  /** Called when events are permanently lost. Without it, the stream delivers an event `stream.gap`. */
  readonly onGap?: (gap: Gap) => void
  /** What the stream does while the page is hidden: stay connected, disconnect until the page is visible (`pause`), or end (`close`). @default "keep" */
  readonly whenHidden?: "keep" | "pause" | "close"
  /** How long the page must be hidden before `whenHidden` applies, in ms. @default 30_000 */
  readonly hiddenAfter?: number
  /** Whether tabs with the same URL share one connection. Without Web Locks, each tab has its own. @default false */
  readonly shared?: boolean | SharedOptions
}

/** {@link StreamOptions} with a contract that gives events their types. */
export type TypedStreamOptions<S extends EventSchemas> = StreamOptions & TypedOptions<S>

/** An event stream as an async iterator. Leaving the loop ends the stream. */
export interface EventStream<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  next(): Promise<IteratorResult<T, undefined>>
  return(): Promise<IteratorResult<T, undefined>>
  /** The current state, as `onStatus` last received it. */
  readonly status: StreamStatus
  /** The id of the last delivered event or of a later checkpoint. Another stream resumes after it with the option `lastEventId`. */
  readonly lastEventId: string
  /**
   * Reconnects now, after the last event: ends a retry delay, or replaces the connection. It does nothing if the stream has not started, is
   * paused or has ended, or if the request cannot be repeated.
   */
  reconnect(): void
  /** Ends the stream and drops events that were not delivered. */
  close(): void
}

/**
 * Opens an event stream that reconnects and resumes after lost connections, sleep, deploys and errors, and delivers each event once.
 * It ends when the server sends `stream.end` or answers 204, or when the caller leaves the loop. It connects at the first `next()`, and
 * reads ahead of the caller by at most one chunk.
 *
 * @throws OnwardError from `next()`, if a retry cannot help: `bad_status`, `bad_content_type`, `not_repeatable`, …
 * @example
 * for await (const { event, data } of stream("/ai", { method: "POST", body: { prompt } })) render(event, data)
 */
export function stream<const S extends EventSchemas>(
  url: string | URL,
  options: TypedStreamOptions<S>,
): EventStream<TypedStreamEvent<S>>
export function stream(url: string | URL, options?: StreamOptions): EventStream<StreamEvent>
export function stream(
  url: string | URL,
  options: StreamOptions & Partial<TypedOptions<EventSchemas>> = {},
): EventStream<unknown> {
  checkNames("stream", options, STREAM_OPTIONS)
  if (typeof options.retry === "object") checkNames("stream's retry", options.retry, RETRY_OPTIONS)
  if (typeof options.shared === "object")
    checkNames("stream's shared", options.shared, ["channel", "replay", "maxWaiting"])
  const {
    clock = systemClock,
    signal,
    until,
    events,
    onGap,
    resume,
    shared,
    retry = true,
    hiddenAfter = 30_000,
    reconnectingAfter = 1_000,
  } = options
  const href = hrefOf(url)
  let status: StreamStatus = { state: "idle" }
  /** The id after which the next connection resumes, and the id of the last delivered event. */
  let cursor = options.lastEventId ?? ""
  let taken = cursor
  let connection: Connection | undefined
  let unwatch: (() => void) | undefined
  /** The status after `reconnectingAfter`, unless the stream is open again by then. */
  let pending: StreamStatus | undefined
  let cancelPending: (() => void) | undefined
  /** Why the page needs no connection now. */
  const away = new Set<PageAbsence>()

  const inbox = createInbox<StreamEvent>(({ id }) => (taken = id))
  const request: ConnectionOptions & ObserveOptions = { connectTimeout: 60_000, ...options, body: bodyOf(options.body) }
  const policy = {
    retry: retry === true ? {} : retry || { attempts: 0 },
    reconnectionTime: 0,
    isFinite: options.reconnectOnEnd === false || retry === false,
    canRepeat: (id: string, error?: OnwardError): boolean => canRepeat(options, request, id, error),
    ...(resume !== undefined && { resume: typeof resume === "function" ? resume : () => resume }),
  }

  function setStatus(next: StreamStatus): void {
    cancelPending?.()
    cancelPending = pending = undefined
    status = next
    options.onStatus?.(next)
  }

  /** Sets the status after `reconnectingAfter` if the stream is open: most reconnects finish before a user could read a notice. */
  function setStatusLater(next: StreamStatus): void {
    if (status.state !== "open" || !(reconnectingAfter > 0)) return setStatus(next)
    pending = next
    cancelPending ??= clock.after(reconnectingAfter, () => pending && setStatus(pending))
  }

  function finish(next: StreamStatus & { state: "ended" | "failed" }, isNow = false): void {
    if (status.state === "ended" || status.state === "failed") return
    disconnect()
    unwatch?.()
    signal?.removeEventListener("abort", onAbort)
    inbox.end(next.state === "failed" ? next : undefined, isNow)
    setStatus(next)
  }

  const owner: ConnectionOwner = {
    onConnecting: ({ number }) => setStatusLater({ state: "connecting", attempt: number }),
    onOpen: (response) => setStatus({ state: "open", response }),
    onReconnecting: (error, delay) => setStatusLater({ state: "reconnecting", error, delay }),
    onEvent(event) {
      if (event.event === "stream.end" || event.data === until) finish({ state: "ended" })
      else if (event.event === "stream.error") {
        throw fault("source_failed", "The stream's source failed on the server. The client reconnects.")
      } else if (event.event === "stream.gap" && onGap) onGap(new Received(event).json<Gap>())
      else {
        const received = new Received(event)
        inbox.put(received)
        if (typeof until === "function" && until(received)) finish({ state: "ended" })
      }
    },
    room: () => inbox.room(),
  }

  function open(): void {
    const make = (id: string, to: ConnectionOwner): Connection =>
      openConnection(href, { ...request, lastEventId: id }, policy, to)
    const mine = (connection =
      shared && canShare()
        ? createSharedConnection(shared === true ? {} : shared, {
            url: href,
            lastEventId: cursor,
            clock,
            owner,
            make,
            waiting: () => inbox.size,
          })
        : make(cursor, owner))
    mine.run().then(
      () => mine === connection && finish({ state: "ended" }),
      (error: unknown) => mine === connection && finish({ state: "failed", error }),
    )
  }

  function disconnect(): void {
    cursor = connection?.lastEventId ?? cursor
    if (inbox.size === 0) taken = cursor
    connection?.close()
    connection = undefined
  }

  function onAway(why: PageAbsence): void {
    if (why === "hidden" && options.whenHidden === "close") finish({ state: "ended" })
    if (why === "hidden" && options.whenHidden !== "pause") return
    away.add(why)
    if (!connection || !policy.canRepeat(connection.lastEventId)) return
    disconnect()
    setStatus({ state: "paused" })
  }

  function onBack(why: PageAbsence): void {
    if (!away.delete(why)) return
    if (status.state === "paused" && away.size === 0) open()
    else if (why === "stored") connection?.wake(true)
  }

  function onWake(isLost: boolean): void {
    connection?.wake(isLost && retry !== false)
  }

  function start(): void {
    signal?.addEventListener("abort", onAbort)
    unwatch = watchPageLifecycle({ clock, hiddenAfter, onAway, onBack, onWake })
    open()
  }

  function onAbort(): void {
    // React Native before 0.87 has no `signal.reason`
    const error: unknown = signal?.reason ?? Object.assign(new Error("The stream was aborted."), { name: "AbortError" })
    finish({ state: "failed", error }, true)
  }

  function next(): Promise<IteratorResult<StreamEvent, undefined>> {
    if (signal?.aborted) onAbort()
    else if (status.state === "idle" && !unwatch) start()
    return inbox.next()
  }

  function close(): void {
    finish({ state: "ended" }, true)
  }

  /** Ends the stream, because a loop calls no `return()` when `next` throws. */
  function fail(error: unknown): never {
    finish({ state: "failed", error }, true)
    inbox.end(undefined, true)
    throw error
  }

  return {
    next: events ? () => nextTyped(next, options as TypedOptions<EventSchemas>).catch(fail) : next,
    async return() {
      close()
      return { done: true, value: undefined }
    },
    reconnect: () => connection?.wake(true),
    close,
    get status() {
      return status
    },
    get lastEventId() {
      return connection && inbox.size === 0 ? connection.lastEventId : taken
    },
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      close()
    },
  }
}

/** The statuses with which a server says that it did not process the request. */
const REFUSALS = /^(408|425|429|503)$/

function canRepeat({ repeat }: StreamOptions, request: ConnectionOptions, id: string, error?: OnwardError): boolean {
  const how = repeat ?? (SAFE_METHODS.includes(methodOf(request)) ? "always" : "with-id")
  if (how !== "with-id") return how === "always"
  return id !== "" || isUnsent(error) || (error?.code === "bad_status" && REFUSALS.test(`${error.status}`))
}

/** Serializes plain objects and arrays as JSON, in a `Blob` because it has a content type. */
function bodyOf(body: StreamOptions["body"]): ConnectionOptions["body"] {
  const isPlain = Array.isArray(body) || (typeof body === "object" && Object.getPrototypeOf(body) === Object.prototype)
  return isPlain ? new Blob([JSON.stringify(body)], { type: "application/json" }) : (body as RequestBody | undefined)
}
