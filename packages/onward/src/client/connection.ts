import { systemClock, type Clock } from "../clock.ts"
import { MAX_ID_BYTES } from "../event-id.ts"
import { OnwardError, type OnwardErrorCode } from "../errors.ts"
import { CHECKPOINT, createSmallParser, type ParsedEvent } from "../protocol/index.ts"
import {
  canSend,
  checkResponse,
  failed,
  fault,
  hrefOf,
  initOf,
  isForeignGet,
  methodOf,
  originOf,
  request,
  withId,
  withQuery,
  type Attempt,
  type ByteReader,
  type FetchedResponse,
  type RequestOptions,
} from "./request.ts"
import { delayOf, retryAfterOf, type RetryOptions } from "./retry.ts"

export interface ConnectionOptions extends RequestOptions {
  /** Maximum time until the response's head arrives, in ms. @default 60_000 for `stream`, Infinity for `EventSource` */
  readonly connectTimeout?: number
  /**
   * Maximum time without a byte, in ms. Then the client replaces the connection. @default twice the heartbeat that a server of Onward
   * announces, else Infinity
   */
  readonly idleTimeout?: number
  /** Maximum time without an event, in ms. Heartbeats are not events. @default Infinity */
  readonly eventTimeout?: number
  /** Maximum delay that a server can request with `retry` or `Retry-After`, in ms. @default 3_600_000 */
  readonly maxServerDelay?: number
  /** The source of time and random numbers. In tests, a clock of `onward/testing`. @default the system clock */
  readonly clock?: Clock
}

/** The key of a platform's parser in the options; a symbol, because users cannot set it. Node passes a faster parser. */
export const PARSER: unique symbol = Symbol()

/** The options of a connection, with those that the platform's entry adds. */
interface PlatformOptions extends ConnectionOptions {
  readonly [PARSER]?: typeof createSmallParser
}

/** What the client does when a request ends. */
export interface Policy {
  /** Retry delays. False is the standard: only network errors are retried, and the first time without jitter. */
  readonly retry: false | RetryOptions
  /** The delay if the server sets none, in ms. */
  readonly reconnectionTime: number
  /** Whether the request can be sent again. */
  canRepeat(lastEventId: string, error: OnwardError | undefined): boolean
  /** Returns the URL to resume from by GET, instead of repeating the request. */
  resume?(response: FetchedResponse, lastEventId: string): string | URL
  /** Whether the end of a response without `stream.end` ends the stream. */
  readonly isFinite: boolean
}

/** The receiver of a connection's events. If one of its functions throws, `run` rejects. */
export interface ConnectionOwner {
  onConnecting?(attempt: Attempt): void
  /** `response` is undefined if another tab holds the connection. */
  onOpen(response: FetchedResponse | undefined): void
  onEvent(event: ParsedEvent): void
  /** Called for a checkpoint, which only changes the last event id. */
  onCheckpoint?(event: ParsedEvent): void
  onReconnecting(error: OnwardError, delay: number): void
  /** Called after each chunk. The next chunk is read when the promise resolves. */
  room?(): Promise<void> | undefined
}

/** One event stream over any number of requests. */
export interface Connection {
  /** Connects and reconnects (WHATWG HTML section 9.2.3). Resolves when the stream ends; rejects when a retry cannot help. */
  run(): Promise<void>
  /** Ends the stream, also from within a callback. No function of the owner is called afterwards. */
  close(): void
  /**
   * Called when the machine may have slept or the network changed, which can cause no error. Ends a retry delay, and replaces a connection that
   * was silent for too long. With `isLost` it replaces any connection, if the request can be repeated.
   */
  wake(isLost?: boolean): void
  /** Discards a partly received event. */
  reset(): void
  readonly lastEventId: string
  /** Delay before a reconnect, in ms: the server's, else the policy's. */
  readonly reconnectionTime: number
}

/** Interval at which deadlines are checked, in ms. One timer for the whole time would stop while the machine sleeps. */
const CHECK_INTERVAL = 1_000
/** Maximum delay of a heartbeat after the machine may have slept, in ms. */
const HEARTBEAT_TOLERANCE = 2_000
/** A connection that was open for longer than this, in ms, is not a failure, even without events. */
const STABLE_AFTER = 10_000
/** A connection with an event is not a failure if the next request starts at least this long, in ms, after it opened. */
const MIN_CYCLE = 1_000

/** Jitter of the standard policy after the second failure, in ms; it doubles. The standard lets a client wait longer after failures. */
const STANDARD_BASE = 50

/** Creates a connection; `run` starts it. */
export function createConnection(
  url: string,
  options: PlatformOptions,
  policy: Policy,
  owner: ConnectionOwner,
): Connection {
  const { clock = systemClock, connectTimeout = Infinity, eventTimeout = Infinity } = options
  const { [PARSER]: createParser = createSmallParser, maxServerDelay = 3_600_000 } = options
  let controller = new AbortController()
  /** Why the client aborted this attempt. React Native before 0.87 has no `signal.reason`. */
  let abortReason: OnwardError | undefined
  /** The last id that a request can carry. */
  let sendableId = ""
  let attempts = 0
  let lastError: OnwardError | undefined
  /** The last response that was a stream. */
  let opened: FetchedResponse | undefined
  let phase: "connecting" | "reading" | "paused"
  /** When the phase began, the last byte arrived, the last event arrived. */
  let since: number
  let byteAt: number
  let eventAt: number
  /** How far the time of day is ahead of the monotonic clock, and by how much that grew since the last byte, in ms. */
  let ahead: number
  let asleep: number
  let openedAt: number
  let hasEvent: boolean
  /** The heartbeat interval that the server announces, in ms. */
  let heartbeat = Infinity
  let failures = 0
  let retryAfter: number
  let isOver = false
  let isRefreshing = false
  /** A proxy refuses to stream, so the client uses long polling. */
  let isPolling = false
  let isRefused: boolean
  let skipsDelay: boolean
  let endDelay: (() => void) | undefined
  let stopChecking: (() => void) | undefined

  const parser = createParser(
    {
      onEvent(event) {
        if (event.event === CHECKPOINT) return owner.onCheckpoint?.(event)
        eventAt = byteAt
        hasEvent = true
        if (event.id !== sendableId && canSend(event.id)) sendableId = event.id
        owner.onEvent(event)
      },
      onComment(text) {
        const announced = /^heartbeat (\d+)$/.exec(text)
        if (!announced) return
        heartbeat = +(announced[1] as string)
        checkDeadlines()
      },
    },
    options,
  )

  const reconnectionTime = (): number => parser.retry ?? policy.reconnectionTime

  const idleTimeout = (): number => options.idleTimeout ?? 2 * heartbeat

  /** The delay that the server asks for between two requests, in ms. */
  const serverDelay = (): number => Math.min(maxServerDelay, Math.max(reconnectionTime(), retryAfter))

  /** Returns the last id that a header can contain: repeated events are better than an error. */
  function idToSend(): string {
    const { lastEventId } = parser
    return canSend(lastEventId) ? (sendableId = lastEventId) : sendableId
  }

  /**
   * Detects that the time of day advanced more than the monotonic clock. Either the machine slept, and the connection is probably lost; or the
   * time was set, and the connection works. A browser's clocks do not show which.
   */
  function detectSleep(): void {
    const before = ahead
    ahead = clock.now() - clock.monotonic()
    if (ahead - before > CHECK_INTERVAL) asleep += ahead - before
  }

  function noteByte(): void {
    detectSleep()
    byteAt = clock.monotonic()
    asleep = 0
  }

  /** Maximum silence of a connection, in ms. After a possible sleep, the next heartbeat must arrive. */
  const maxSilence = (): number => Math.min(idleTimeout(), asleep > 0 ? heartbeat + HEARTBEAT_TOLERANCE : Infinity)

  const reason = (): OnwardError => abortReason as OnwardError

  function abort(code: OnwardErrorCode, message: string): void {
    abortReason = fault(code, message)
    controller.abort(abortReason)
  }

  const expire = (code: OnwardErrorCode): void => abort(code, "The server sent nothing in time. The client reconnects.")

  /** Aborts the attempt if a deadline has passed; otherwise checks again later. */
  function checkDeadlines(): void {
    stopChecking?.()
    detectSleep()
    const now = clock.monotonic()
    const check = (at: number, code: OnwardErrorCode): number => {
      if (at <= now) expire(code)
      return at - now
    }
    if (phase === "paused") return
    const left =
      phase === "connecting"
        ? check(since + connectTimeout, "connect_timeout")
        : Math.min(check(byteAt + maxSilence(), "idle_timeout"), check(eventAt + eventTimeout, "event_timeout"))
    if (left > 0 && left < Infinity) stopChecking = clock.after(Math.min(left, CHECK_INTERVAL), checkDeadlines)
  }

  function enter(next: typeof phase): void {
    phase = next
    noteByte()
    since = eventAt = byteAt
    checkDeadlines()
  }

  /** Sends one request. Returns the response and its reader, which the signal cancels even if `fetch` ignores the signal. */
  async function send(attempt: Attempt, signal: AbortSignal): Promise<[FetchedResponse, ByteReader | undefined]> {
    const { fetch = globalThis.fetch } = options
    const target = opened && policy.resume?.(opened, attempt.lastEventId)
    const isResume = target !== undefined
    let to = isResume ? hrefOf(target, url) : url
    // another origin must not receive the caller's headers, even if the server returned its URL
    const headers = originOf(to) === originOf(url) ? (options.headers ?? {}) : {}
    if (isPolling) to = withQuery(to, "transport=poll")
    const { lastEventId } = parser
    // a server that announces its heartbeat is Onward, which reads the id from the query too
    const isQueried =
      !attempt.lastEventId ||
      ((!opened || heartbeat < Infinity) && isForeignGet(to, isResume ? "GET" : methodOf(options)))
    if (isQueried && lastEventId && lastEventId.length <= MAX_ID_BYTES) to = withId(to, lastEventId)
    const incremental = !isPolling && (options.incremental ?? true)
    const init = await initOf({ ...options, headers, incremental }, to, attempt, isResume)
    if (isQueried) delete init.headers["last-event-id"]
    if (signal.aborted) throw reason()
    const response = await request(fetch, to, { ...init, signal })
    const reader = response.body?.getReader?.()
    const cancel = (): unknown => reader?.cancel().catch(() => {})
    signal.addEventListener("abort", cancel)
    if (signal.aborted) cancel()
    return [response, reader]
  }

  /** Sends one request and reads it to its end. Throws the reason of the end, unless the stream is closed. */
  async function connect(): Promise<void> {
    if (isOver) return
    const { signal } = (controller = new AbortController())
    retryAfter = 0
    openedAt = Infinity
    hasEvent = skipsDelay = false
    abortReason = undefined
    const attempt: Attempt = { number: attempts++, lastEventId: idToSend(), error: lastError }
    try {
      enter("connecting")
      owner.onConnecting?.(attempt)
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(reason()))
      })
      const [response, reader] = await Promise.race([send(attempt, signal), aborted])
      const { status, headers } = response
      if (status === 204) close()
      if (isOver) return
      if (status !== 200) {
        retryAfter = retryAfterOf(headers.get("retry-after"), clock.now())
        isRefused = headers.get("proxy-status")?.includes("incremental_refused") ?? false
      }
      checkResponse(response)
      isRefreshing = false
      opened = response
      enter("reading")
      openedAt = since
      owner.onOpen(response)
      for (;;) {
        const part = await reader?.read().catch(failed)
        if (signal.aborted || part?.done !== false) break
        noteByte()
        parser.feed(part.value as Uint8Array)
        const room = owner.room?.()
        if (!room) continue
        // while the client does not read, the server is not silent
        enter("paused")
        await room
        enter("reading")
      }
      throw fault("stream_ended", "The server ended the stream. The client reconnects.", 200)
    } catch (error) {
      if (signal.aborted) throw reason()
      throw isOwn(error) ? fault(error.code, error.message, 0, error.cause) : error
    } finally {
      const openFor = clock.monotonic() - openedAt
      if (openFor > STABLE_AFTER || (hasEvent && openFor + serverDelay() >= MIN_CYCLE)) failures = 0
      enter("paused")
      parser.reset()
      controller.abort()
    }
  }

  const isRepeatable = (error?: OnwardError): unknown =>
    (policy.resume && opened) || policy.canRepeat(idToSend(), error)

  /** Returns the delay before the next attempt, in ms. Throws if a retry cannot help; closes if the stream is complete. */
  function delayAfter(error: OnwardError): number {
    const { code, status, retryable } = error
    const { retry, isFinite } = policy
    const isStatus = code === "bad_status"
    if (isStatus && status === 401 && typeof options.headers === "function" && !isRefreshing) {
      isRefreshing = true
      return 0
    }
    if (isStatus && isRefused && !isPolling && methodOf(options) === "GET") {
      isPolling = true
      return 0
    }
    if (code === "stream_ended" && (isFinite || !isRepeatable(error))) close()
    else if (!retryable || (isStatus && !retry) || (retry && failures >= (retry.attempts ?? Infinity))) throw error
    else if (!isRepeatable(error)) {
      const advice = 'Set `repeat: "always"` if the server can do it twice.'
      const message = `The ${methodOf(options)} failed before an event with an id (${error.message}). ${advice}`
      throw fault("not_repeatable", message, status, error)
    }
    const delay = delayOf(retry || { base: failures && STANDARD_BASE }, failures++, serverDelay(), clock.random())
    return skipsDelay ? 0 : delay
  }

  function wait(delay: number): Promise<void> {
    return new Promise((resolve) => {
      const release = clock.hold()
      endDelay = () => {
        endDelay = undefined
        cancel()
        release()
        resolve()
      }
      const cancel = clock.after(delay, endDelay)
    })
  }

  function close(): void {
    isOver = true
    parser.reset()
    controller.abort()
    endDelay?.()
  }

  return {
    async run() {
      for (;;) {
        const error = await connect().catch((thrown: unknown) => thrown)
        if (isOver) return
        if (!(error instanceof OnwardError)) throw error
        const delay = delayAfter(error)
        if (isOver) return
        lastError = error
        owner.onReconnecting(error, delay)
        if (isOver) return
        await wait(delay)
      }
    },
    close,
    wake(isLost) {
      // earlier failures were those of another network
      if (isLost) failures = 0
      endDelay?.()
      detectSleep()
      // a page that is shown again has probably slept
      const silence = clock.monotonic() - byteAt + asleep
      const isSilent = phase !== "paused" && silence > Math.min(1.5 * heartbeat, idleTimeout())
      // a request that cannot be repeated is kept, because its connection can still work
      if (!isSilent && !(isLost && isRepeatable())) return
      skipsDelay = true
      if (isSilent) expire("idle_timeout")
      else abort("network_error", "A reconnect was requested. The client reconnects.")
    },
    reset: () => parser.reset(),
    get lastEventId() {
      return parser.lastEventId
    },
    get reconnectionTime() {
      return reconnectionTime()
    },
  }
}

/** Whether the client created the error, which then has a status for servers. */
const isOwn = (error: unknown): error is OnwardError => error instanceof OnwardError && !error.isRemote
