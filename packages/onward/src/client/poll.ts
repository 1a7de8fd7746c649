import { systemClock, type Clock } from "../clock.ts"
import { idToHeader } from "../event-id.ts"
import { checkNames } from "../options.ts"
import { createSmallParser } from "../protocol/index.ts"
import { canSend, withQuery, type ByteReader, type FetchedResponse, type FetchInit, type FetchLike } from "./request.ts"

export interface PollingOptions {
  /** The function that sends requests. It may return the body only when it is complete, as in React Native. @default the platform's `fetch` */
  readonly fetch?: (url: string, init: FetchInit) => Promise<PolledResponse>
  /** Maximum time until the first byte of a stream, in ms. Then the client falls back to long polling. 0: always use long polling. @default 5_000 */
  readonly streamTimeout?: number
  /** How long the client uses long polling before it tries to stream again, in ms. @default 600_000 */
  readonly retryStreamAfter?: number
  /** The source of time. In tests, a clock of `onward/testing`. @default the system clock */
  readonly clock?: Clock
}

/** The parts of a response that `pollingFetch` uses. Without `body` it waits for the whole `text()`. */
export interface PolledResponse {
  readonly status: number
  readonly url: string
  readonly type?: string
  readonly headers: { get(name: string): string | null }
  readonly body?: { getReader(): ByteReader } | null
  text?(): Promise<string>
}

/** A poll without events that took less than this, in ms, was not answered by a hub. To poll again at once would flood the server. */
const MIN_EMPTY_POLL = 250

/**
 * Creates a `fetch` that falls back to long polling if responses are buffered: by virus scanners, TLS inspection, proxies or React Native.
 * A hub's streams begin with a comment, so a response without a byte within `streamTimeout` is buffered. The client then polls with
 * `transport=poll`: each response ends after the first events, and the next one begins after the last id. The caller reads one stream,
 * without lost or repeated events. Requests other than GET are sent unchanged.
 *
 * @example
 * const events = stream("/events", { fetch: pollingFetch() })
 */
export function pollingFetch(options: PollingOptions = {}): FetchLike {
  checkNames("pollingFetch", options, ["fetch", "streamTimeout", "retryStreamAfter", "clock"])
  const { fetch = globalThis.fetch, streamTimeout = 5_000, retryStreamAfter = 600_000, clock = systemClock } = options
  let pollUntil = streamTimeout > 0 ? -Infinity : Infinity

  return async (url, init) => {
    if (init.method !== undefined && init.method !== "GET") return streaming(await fetch(url, init))
    if (clock.monotonic() >= pollUntil) {
      const response = await fetchInTime(fetch, url, init, streamTimeout, clock)
      if (response) return response
    }
    // proxies that cannot stream refuse or delay requests with this header
    const { incremental: _, ...headers } = Object.fromEntries(new Headers(init.headers))
    const pollInit = { ...init, headers }
    const target = withQuery(url, "transport=poll")
    const startedAt = clock.monotonic()
    const response = await fetch(target, pollInit)
    if (response.status !== 200) return streaming(response)
    pollUntil = Math.max(pollUntil, clock.monotonic() + retryStreamAfter)
    const poll: Poll = { fetch, url: target, init: pollInit, clock }
    return { ...partsOf(response), body: { getReader: () => pollReader(poll, response, startedAt) } }
  }
}

/** Returns the response if its first bytes arrive within the timeout; otherwise aborts the request. */
async function fetchInTime(
  fetch: NonNullable<PollingOptions["fetch"]>,
  url: string,
  init: FetchInit,
  timeout: number,
  clock: Clock,
): Promise<FetchedResponse | undefined> {
  const controller = new AbortController()
  const onAbort = (): void => controller.abort(init.signal?.reason)
  init.signal?.addEventListener("abort", onAbort)
  let isLate = false
  let stop: (() => void) | undefined
  const late = new Promise<undefined>((resolve) => {
    stop = clock.after(timeout, () => {
      isLate = true
      resolve(undefined)
    })
  })

  async function fetchFirstBytes(): Promise<FetchedResponse | undefined> {
    const response = await fetch(url, { ...init, signal: controller.signal })
    if (response.headers.get("proxy-status")?.includes("incremental_refused")) return undefined
    if (response.status !== 200 || !response.body) return streaming(response)
    const reader = response.body.getReader()
    const first = await reader.read()
    return { ...partsOf(response), body: { getReader: () => prepend([first], reader) } }
  }

  const inTime = fetchFirstBytes()
  try {
    return await Promise.race([inTime, late])
  } finally {
    stop?.()
    if (isLate) {
      inTime.catch(() => {})
      controller.abort()
      init.signal?.removeEventListener("abort", onAbort)
    }
  }
}

/** The request that is repeated for each poll. */
interface Poll {
  readonly fetch: NonNullable<PollingOptions["fetch"]>
  readonly url: string
  readonly init: FetchInit
  readonly clock: Clock
}

/** Reads one response after the other, while each is complete and brings events. The first was requested at `startedAt`. */
function pollReader({ fetch, url, init, clock }: Poll, opened: PolledResponse, startedAt: number): ByteReader {
  const parser = createSmallParser({ onEvent() {} }, { lastEventId: init.headers["last-event-id"] })
  let reader = readerOf(opened)
  let idBefore = parser.lastEventId
  /** The last two bytes. A response that does not end with a blank line was cut: the next one would be joined to half an event. */
  let tail = ""
  let isCancelled = false

  async function next(): Promise<boolean> {
    const id = parser.lastEventId
    const isPlausible = id !== idBefore || clock.monotonic() - startedAt >= MIN_EMPTY_POLL
    if (isCancelled || !isPlausible || tail !== "\n\n" || id === "" || !canSend(id)) return false
    const headers = { ...init.headers, "last-event-id": idToHeader(id) }
    startedAt = clock.monotonic()
    idBefore = id
    const response = await fetch(url, { ...init, headers })
    // the client then sends a request itself, and reports the status
    if (response.status !== 200) return false
    reader = readerOf(response)
    return true
  }

  return {
    async read() {
      for (;;) {
        const { done, value } = await reader.read()
        if (!done && value) {
          parser.feed(value)
          tail = (tail + String.fromCharCode(...value.subarray(-2))).slice(-2)
          return { done, value }
        }
        if (!(await next())) return { done: true }
      }
    },
    async cancel() {
      isCancelled = true
      await reader.cancel()
    },
  }
}

const partsOf = ({ status, url, type, headers }: PolledResponse): Omit<FetchedResponse, "body"> => ({
  status,
  url,
  headers,
  ...(type !== undefined && { type }),
})

const streaming = (response: PolledResponse): FetchedResponse => ({
  ...partsOf(response),
  body: { getReader: () => readerOf(response) },
})

/** Reads a body; one that the platform cannot stream is a single chunk. */
function readerOf(response: PolledResponse): ByteReader {
  if (response.body) return response.body.getReader()
  let text: Promise<string> | undefined
  return {
    async read() {
      if (text || !response.text) return { done: true }
      text = response.text()
      return { done: false, value: new TextEncoder().encode(await text) }
    },
    cancel: async () => {},
  }
}

/** Reads the chunks that were already read, then the rest. */
function prepend(read: Awaited<ReturnType<ByteReader["read"]>>[], reader: ByteReader): ByteReader {
  return { read: async () => read.shift() ?? reader.read(), cancel: () => reader.cancel() }
}
