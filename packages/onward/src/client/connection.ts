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
  /** How long the head of an answer may take, in ms. @default Infinity */
  readonly connectTimeout?: number
  /**
   * How long no byte may come, in ms; then the connection counts as dead and is replaced. @default twice the heartbeat that a server of
   * Onward announces, else Infinity
   */
  readonly idleTimeout?: number
  /** The same for events, which heartbeats are not. @default Infinity */
  readonly eventTimeout?: number
  /** The longest wait that a server can ask for, by `retry` or `Retry-After`, in ms. @default 3_600_000 */
  readonly maxServerDelay?: number
  /** Time and chance; for tests. @default the machine's */
  readonly clock?: Clock
}

/** The key under which a platform's entry passes its own parser, so that users cannot: Node passes one that is built for speed. */
export const PARSER: unique symbol = Symbol()

/** The options of a connection, and what the platform's entry adds. */
interface PlatformOptions extends ConnectionOptions {
  readonly [PARSER]?: typeof createSmallParser
}

/** What becomes of a connection whose request ended. */
export interface Policy {
  /** Delays; false is the standard: only what is no answer is tried again, and the first time without jitter. */
  readonly retry: false | RetryOptions
  /** The delay the server did not set, in ms. */
  readonly reconnectionTime: number
  /** Whether the request may be made again. */
  canRepeat(lastEventId: string, error: OnwardError | undefined): boolean
  /** Where to carry on, by GET, instead of making the same request again. */
  resume?(response: FetchedResponse, lastEventId: string): string | URL
  /** Whether a stream is over when it ends without a word. */
  readonly isFinite: boolean
}

/** Who has a connection. What it throws makes `run` reject. */
export interface ConnectionOwner {
  onConnecting?(attempt: Attempt): void
  /** Undefined when it is another's connection that opened. */
  onOpen(response: FetchedResponse | undefined): void
  onEvent(event: ParsedEvent): void
  /** Only moves the last event id. */
  onCheckpoint?(event: ParsedEvent): void
  onReconnecting(error: OnwardError, delay: number): void
  /** Asked after each chunk: the next one is read once the promise resolves. */
  room?(): Promise<void> | undefined
}

/** One event stream, over any number of requests. */
export interface Connection {
  /** Connects, and again, by the processing model of WHATWG HTML section 9.2.3. Resolves when the stream is over; rejects when no attempt may help. */
  run(): Promise<void>
  /** Ends it, from within a callback too: nothing is called any more. */
  close(): void
  /**
   * Time has passed, or the network changed, and no error may tell of it: a wait ends now, and a connection that was silent for too long is
   * replaced. With `isLost` any connection is, if the request can be repeated.
   */
  wake(isLost?: boolean): void
  /** Forgets the event that has come in part. */
  reset(): void
  readonly lastEventId: string
  /** Delay before reconnecting, in ms: what the server set, else the policy's. */
  readonly reconnectionTime: number
}

/** Deadlines are looked at this often, in ms: a timer that is set for all of a wait would sleep with the machine, and count on after it. */
const LOOK = 1_000
/** Once a connection is in doubt, a heartbeat may be this late, in ms. */
const LATE = 2_000
/** A stream that was open for so long, in ms, was no failure, even without events. */
const GOOD = 10_000
/** A stream that brought an event was no failure if its next request is at least so long, in ms, after the one before. */
const BRIEF = 1_000

/** The standard lets a client add to the server's delay after a failure: nothing at first, then doubled up to what a stream waits, in ms. */
const STANDARD_BASE = 50

/** Makes a connection; `run` starts it. */
export function createConnection(
  url: string,
  options: PlatformOptions,
  policy: Policy,
  owner: ConnectionOwner,
): Connection {
  const { clock = systemClock, connectTimeout = Infinity, eventTimeout = Infinity } = options
  const { [PARSER]: createParser = createSmallParser, maxServerDelay = 3_600_000 } = options
  let controller = new AbortController()
  /** Why this attempt was given up. Not `signal.reason`, which React Native before 0.87 does not have. */
  let givenUp: OnwardError | undefined
  /** The last id that a request can carry. */
  let sendableId = ""
  let attempts = 0
  let lastError: OnwardError | undefined
  /** The last answer that was a stream. */
  let opened: FetchedResponse | undefined
  let phase: "connecting" | "reading" | "resting"
  /** When the phase began, the last byte came, the last event did. */
  let since: number
  let byteAt: number
  let eventAt: number
  /** What the time of day is ahead of the monotonic clock, and how much of that came about since the last byte. */
  let ahead = clock.now() - clock.monotonic()
  let asleep = 0
  let openedAt = Infinity
  let hasEvent = false
  /** The longest silence of the server, as it says itself. */
  let heartbeat = Infinity
  let failures = 0
  let retryAfter = 0
  let isOver = false
  let isRefreshing = false
  /** A proxy refuses to stream, so responses are asked for that end. */
  let isPolling = false
  let isRefused = false
  let isHurried = false
  let hurry: (() => void) | undefined
  let stopLooking: (() => void) | undefined

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
        look()
      },
    },
    options,
  )

  const reconnectionTime = (): number => parser.retry ?? policy.reconnectionTime

  const idleTimeout = (): number => options.idleTimeout ?? 2 * heartbeat

  /** What the server asks for between two requests. */
  const serverDelay = (): number => Math.min(maxServerDelay, Math.max(reconnectionTime(), retryAfter))

  /** An id that no request can carry is not worth an error: repeating events is better than losing all. */
  function idToSend(): string {
    const { lastEventId } = parser
    return canSend(lastEventId) ? (sendableId = lastEventId) : sendableId
  }

  /**
   * Notes that the time of day went on without the monotonic clock. Either the machine slept, and the connection is probably dead; or somebody
   * set the time, and it is fine. No clock of a browser tells which.
   */
  function notice(): void {
    const before = ahead
    ahead = clock.now() - clock.monotonic()
    if (ahead - before > LOOK) asleep += ahead - before
  }

  function heard(): void {
    notice()
    byteAt = clock.monotonic()
    asleep = 0
  }

  /** The longest silence of a connection that is fine. One in doubt has to show its next heartbeat, and gets no second chance. */
  const patience = (): number => Math.min(idleTimeout(), asleep > 0 ? heartbeat + LATE : Infinity)

  const reason = (): OnwardError => givenUp as OnwardError

  function giveUp(code: OnwardErrorCode, message: string): void {
    givenUp = fault(code, message)
    controller.abort(givenUp)
  }

  const expire = (code: OnwardErrorCode): void =>
    giveUp(code, "The server sent nothing in time. The client reconnects.")

  /** Ends the attempt when a deadline has passed, else looks again in a while. */
  function look(): void {
    stopLooking?.()
    notice()
    const now = clock.monotonic()
    const check = (at: number, code: OnwardErrorCode): number => {
      if (at <= now) expire(code)
      return at - now
    }
    if (phase === "resting") return
    const left =
      phase === "connecting"
        ? check(since + connectTimeout, "connect_timeout")
        : Math.min(check(byteAt + patience(), "idle_timeout"), check(eventAt + eventTimeout, "event_timeout"))
    if (left > 0 && left < Infinity) stopLooking = clock.after(Math.min(left, LOOK), look)
  }

  function enter(next: typeof phase): void {
    phase = next
    heard()
    since = eventAt = byteAt
    look()
  }

  /** The answer to one request, and its body, which ends with the signal whether or not the `fetch` cares for that. */
  async function ask(attempt: Attempt, signal: AbortSignal): Promise<[FetchedResponse, ByteReader | undefined]> {
    const { fetch = globalThis.fetch } = options
    const target = opened && policy.resume?.(opened, attempt.lastEventId)
    const isResume = target !== undefined
    let to = isResume ? hrefOf(target, url) : url
    // what the caller says to one origin is no other's business, even where a server names that
    const headers = originOf(to) === originOf(url) ? (options.headers ?? {}) : {}
    if (isPolling) to = withQuery(to, "transport=poll")
    const { lastEventId } = parser
    // a server that announces its heartbeat, as Onward does, reads the query too
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

  /** One request, to its end; throws how it ended, unless that was the end of all. */
  async function connect(): Promise<void> {
    if (isOver) return
    const { signal } = (controller = new AbortController())
    retryAfter = 0
    openedAt = Infinity
    hasEvent = isHurried = isRefused = false
    givenUp = undefined
    const attempt: Attempt = { number: attempts++, lastEventId: idToSend(), error: lastError }
    try {
      enter("connecting")
      owner.onConnecting?.(attempt)
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(reason()))
      })
      const [response, reader] = await Promise.race([ask(attempt, signal), aborted])
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
        heard()
        parser.feed(part.value as Uint8Array)
        const room = owner.room?.()
        if (!room) continue
        // when we do not read, silence is no fault of the server's
        enter("resting")
        await room
        enter("reading")
      }
      throw fault("stream_ended", "The server ended the stream. The client reconnects.", 200)
    } catch (error) {
      if (signal.aborted) throw reason()
      throw isOwn(error) ? fault(error.code, error.message, 0, error.cause) : error
    } finally {
      const lived = clock.monotonic() - openedAt
      if (lived > GOOD || (hasEvent && lived + serverDelay() >= BRIEF)) failures = 0
      enter("resting")
      parser.reset()
      controller.abort()
    }
  }

  const isRepeatable = (error?: OnwardError): unknown =>
    (policy.resume && opened) || policy.canRepeat(idToSend(), error)

  /** How long to wait after an attempt that ended so; throws when there is to be none, or closes. */
  function judge(error: OnwardError): number {
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
      const advice = 'Set `repeat: "always"` if the server may do it twice.'
      const message = `The ${methodOf(options)} failed before an event with an id came (${error.message}) ${advice}`
      throw fault("not_repeatable", message, status, error)
    }
    const delay = delayOf(retry || { base: failures && STANDARD_BASE }, failures++, serverDelay(), clock.random())
    return isHurried ? 0 : delay
  }

  function wait(delay: number): Promise<void> {
    return new Promise((resolve) => {
      const letGo = clock.hold()
      hurry = () => {
        hurry = undefined
        cancel()
        letGo()
        resolve()
      }
      const cancel = clock.after(delay, hurry)
    })
  }

  function close(): void {
    isOver = true
    parser.reset()
    controller.abort()
    hurry?.()
  }

  return {
    async run() {
      for (;;) {
        const error = await connect().catch((thrown: unknown) => thrown)
        if (isOver) return
        if (!(error instanceof OnwardError)) throw error
        const delay = judge(error)
        if (isOver) return
        lastError = error
        owner.onReconnecting(error, delay)
        if (isOver) return
        await wait(delay)
      }
    },
    close,
    wake(isLost) {
      // what failed before was another network
      if (isLost) failures = 0
      hurry?.()
      notice()
      // a page that comes back has most likely slept
      const silence = clock.monotonic() - byteAt + asleep
      const isSilent = phase !== "resting" && silence > Math.min(1.5 * heartbeat, idleTimeout())
      // what cannot be asked for again may have survived
      if (!isSilent && !(isLost && isRepeatable())) return
      isHurried = true
      if (isSilent) expire("idle_timeout")
      else giveUp("network_error", "A reconnect was asked for. The client reconnects.")
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

/** Raised on this side, with a status that is for servers. */
const isOwn = (error: unknown): error is OnwardError => error instanceof OnwardError && !error.isRemote
