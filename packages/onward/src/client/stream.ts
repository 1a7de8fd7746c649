import { systemClock } from "../clock.ts"
import type { OnwardError } from "../errors.ts"
import { RETRY_OPTIONS, STREAM_OPTIONS } from "../client-options.ts"
import type { EventSchemas } from "../events.ts"
import { checkNames } from "../options.ts"
import { SAFE_METHODS } from "../methods.ts"
import { createConnection, type Connection, type ConnectionOptions, type ConnectionOwner } from "./connection.ts"
import { createInbox } from "./inbox.ts"
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

/** How a stream stands. */
export type StreamStatus =
  | { readonly state: "idle" | "paused" | "ended" }
  | { readonly state: "connecting"; readonly attempt: number }
  /** `response` is undefined in tabs that share another's connection. */
  | { readonly state: "open"; readonly response: FetchedResponse | undefined }
  | { readonly state: "reconnecting"; readonly error: OnwardError; readonly delay: number }
  | { readonly state: "failed"; readonly error: unknown }

export interface StreamOptions extends Omit<ConnectionOptions, "body"> {
  /** The request body. Plain objects and arrays are sent as JSON. A function is called for each attempt. */
  readonly body?:
    | RequestBody
    | Readonly<Record<string, unknown>>
    | readonly unknown[]
    | ((attempt: Attempt) => RequestBody | Promise<RequestBody>)
  /**
   * How to try again after 408, 425, 429, 5xx, timeouts, cuts and when the server cannot be reached: growing, jittered delays, never
   * shorter than `Retry-After` or `retry` ask for. False: never. @default true
   */
  readonly retry?: boolean | RetryOptions
  /** Whether the client reconnects when a response ends without `stream.end`. False: that is the end, as for an AI provider's answer. @default true */
  readonly reconnectOnEnd?: boolean
  /**
   * Whether the request may be repeated. `with-id`: once there is an id to resume from, after a refusal (408, 425, 429, 503), or if it was never
   * sent, as Node can tell. @default "always" for GET, HEAD and QUERY, else "with-id"
   */
  readonly repeat?: "always" | "with-id" | "never"
  /**
   * The URL to resume from by GET after a response has begun: for requests that start a run. A URL of another origin is requested without
   * your headers. @default the same request
   */
  readonly resume?: string | URL | ((response: FetchedResponse, lastEventId: string) => string | URL)
  /** Ends the stream: at data that equals this text, which is not handed out, or with the first event for which this is true. */
  readonly until?: string | ((event: StreamEvent) => boolean)
  /**
   * Told of each change. Of a connection that was lost only if it is not open again within `reconnectingAfter`: then it hears `open` alone, with
   * the new response.
   */
  readonly onStatus?: (status: StreamStatus) => void
  /** How long an open stream may be without a connection before its status is `reconnecting`, in ms. 0: at once. @default 1_000 */
  readonly reconnectingAfter?: number
  /** Told of what was missed for good. Without it, `stream.gap` is handed out like any event. */
  readonly onGap?: (gap: Gap) => void
  /** What to do while the page is hidden: stay connected (`keep`), resume when it is shown (`pause`), or end (`close`). @default "keep" */
  readonly whenHidden?: "keep" | "pause" | "close"
  /** How long a page must be hidden for that, in ms. @default 30_000 */
  readonly hiddenAfter?: number
  /** One connection for all tabs that ask for the same; where the platform cannot (no Web Locks), one each. @default false */
  readonly shared?: boolean | SharedOptions
}

/** {@link StreamOptions}, and a contract that events are to fit. */
export type TypedStreamOptions<S extends EventSchemas> = StreamOptions & TypedOptions<S>

/** Events as they come. An iterator: leaving the loop ends the stream. */
export interface EventStream<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  next(): Promise<IteratorResult<T, undefined>>
  return(): Promise<IteratorResult<T, undefined>>
  readonly status: StreamStatus
  /** The id of the last event handed out, or of a later checkpoint: what to carry on after some other time. */
  readonly lastEventId: string
  /**
   * Connects again now, after the last event: ends a wait, and replaces a connection. Does nothing to a stream that has ended, is paused or
   * has not begun, nor to a request that cannot be repeated.
   */
  reconnect(): void
  /** Ends it: what was not handed out is dropped. */
  close(): void
}

/**
 * Opens an event stream that carries on: over cuts, sleep, deploys and errors, each event once, until the server says
 * `stream.end` or answers 204, or you leave. Connects at the first `next()`. Does not read ahead of you by more than a chunk.
 *
 * @throws OnwardError from `next()`, when no further attempt may help: `bad_status`, `bad_content_type`, `not_repeatable`, …
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
  /** What a connection carries on after, and what has been handed out of that. */
  let cursor = options.lastEventId ?? ""
  let taken = cursor
  let connection: Connection | undefined
  let unwatch: (() => void) | undefined
  /** What `status` will be unless the stream is open again by then. */
  let pending: StreamStatus | undefined
  let unhold: (() => void) | undefined
  /** Why it rests. */
  const away = new Set<PageAbsence>()

  const inbox = createInbox<StreamEvent>(({ id }) => (taken = id))
  const request: ConnectionOptions = { connectTimeout: 60_000, ...options, body: bodyOf(options.body) }
  const policy = {
    retry: retry === true ? {} : retry || { attempts: 0 },
    reconnectionTime: 0,
    isFinite: options.reconnectOnEnd === false || retry === false,
    canRepeat: (id: string, error?: OnwardError): boolean => canRepeat(options, request, id, error),
    ...(resume !== undefined && { resume: typeof resume === "function" ? resume : () => resume }),
  }

  function tell(next: StreamStatus): void {
    unhold?.()
    unhold = pending = undefined
    status = next
    options.onStatus?.(next)
  }

  /** The same, later if the stream is open: most reconnects are over before anybody could read that there is one. */
  function tellLater(next: StreamStatus): void {
    if (status.state !== "open" || !(reconnectingAfter > 0)) return tell(next)
    pending = next
    unhold ??= clock.after(reconnectingAfter, () => pending && tell(pending))
  }

  function finish(next: StreamStatus & { state: "ended" | "failed" }, isNow = false): void {
    if (status.state === "ended" || status.state === "failed") return
    leave()
    unwatch?.()
    signal?.removeEventListener("abort", onAbort)
    inbox.end(next.state === "failed" ? next : undefined, isNow)
    tell(next)
  }

  const owner: ConnectionOwner = {
    onConnecting: ({ number }) => tellLater({ state: "connecting", attempt: number }),
    onOpen: (response) => tell({ state: "open", response }),
    onReconnecting: (error, delay) => tellLater({ state: "reconnecting", error, delay }),
    onEvent(event) {
      if (event.event === "stream.end" || event.data === until) finish({ state: "ended" })
      else if (event.event === "stream.error") {
        throw fault("source_failed", "The source of the stream failed on the server. The client reconnects.")
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
      createConnection(href, { ...request, lastEventId: id }, policy, to)
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

  function leave(): void {
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
    leave()
    tell({ state: "paused" })
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
    // React Native before 0.87 does not know the reason
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

  /** Ends it, because a loop that is left by what `next` throws does not. */
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

/** By these a server says that it did nothing. */
const REFUSALS = /^(408|425|429|503)$/

function canRepeat({ repeat }: StreamOptions, request: ConnectionOptions, id: string, error?: OnwardError): boolean {
  const how = repeat ?? (SAFE_METHODS.includes(methodOf(request)) ? "always" : "with-id")
  if (how !== "with-id") return how === "always"
  return id !== "" || isUnsent(error) || (error?.code === "bad_status" && REFUSALS.test(`${error.status}`))
}

/** A `Blob` brings its content type along. */
function bodyOf(body: StreamOptions["body"]): ConnectionOptions["body"] {
  const isPlain = Array.isArray(body) || (typeof body === "object" && Object.getPrototypeOf(body) === Object.prototype)
  return isPlain ? new Blob([JSON.stringify(body)], { type: "application/json" }) : (body as RequestBody | undefined)
}
