import { systemClock, type Clock } from "../clock.ts"
import { idToHeader } from "../event-id.ts"
import { checkNames } from "../options.ts"
import { createSmallParser } from "../protocol/index.ts"
import { canSend, withQuery, type ByteReader, type FetchedResponse, type FetchInit, type FetchLike } from "./request.ts"

export interface PollingOptions {
  /** What carries the requests; may give the whole body at once, as React Native's does. @default the platform's */
  readonly fetch?: (url: string, init: FetchInit) => Promise<PolledResponse>
  /** How long the first bytes of a stream may take, in ms, before it is asked for piece by piece. 0: always do. @default 5_000 */
  readonly streamTimeout?: number
  /** How long after that no stream is tried again, in ms. @default 600_000 */
  readonly retryStreamAfter?: number
  /** Time; for tests. @default the machine's */
  readonly clock?: Clock
}

/** What is used of an answer. Where `body` is missing, nothing comes before all has come. */
export interface PolledResponse {
  readonly status: number
  readonly url: string
  readonly type?: string
  readonly headers: { get(name: string): string | null }
  readonly body?: { getReader(): ByteReader } | null
  text?(): Promise<string>
}

/** A piece that took less, in ms, and said nothing new is no answer of a hub: asking on at once would be a storm. */
const SUSPICIOUS = 250

/**
 * A `fetch` for paths that hand on nothing before a response is over: virus scanners, inspection of TLS, proxies that buffer, React Native.
 * A hub's streams begin with a comment, so one of which nothing comes in time is held somewhere: then it is asked for in pieces, by
 * `transport=poll`, each a response that ends with the first news. To the client that is one stream. Nothing is lost or doubled: each
 * piece begins after the last id. Requests other than GET are passed on.
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
      const response = await inTime(fetch, url, init, streamTimeout, clock)
      if (response) return response
    }
    // what a proxy would refuse, or hold
    const { incremental: _, ...headers } = Object.fromEntries(new Headers(init.headers))
    const asked = { ...init, headers }
    const target = withQuery(url, "transport=poll")
    const since = clock.monotonic()
    const response = await fetch(target, asked)
    if (response.status !== 200) return streaming(response)
    pollUntil = Math.max(pollUntil, clock.monotonic() + retryStreamAfter)
    const pieces: Pieces = { fetch, url: target, init: asked, clock }
    return { ...partsOf(response), body: { getReader: () => read(pieces, response, since) } }
  }
}

/** The answer, if its first bytes come in time; else the request is given up. */
async function inTime(
  fetch: NonNullable<PollingOptions["fetch"]>,
  url: string,
  init: FetchInit,
  patience: number,
  clock: Clock,
): Promise<FetchedResponse | undefined> {
  const controller = new AbortController()
  const leave = (): void => controller.abort(init.signal?.reason)
  init.signal?.addEventListener("abort", leave)
  let isLate = false
  let stop: (() => void) | undefined
  const late = new Promise<undefined>((resolve) => {
    stop = clock.after(patience, () => {
      isLate = true
      resolve(undefined)
    })
  })

  async function ask(): Promise<FetchedResponse | undefined> {
    const response = await fetch(url, { ...init, signal: controller.signal })
    if (response.headers.get("proxy-status")?.includes("incremental_refused")) return undefined
    if (response.status !== 200 || !response.body) return streaming(response)
    const reader = response.body.getReader()
    const first = await reader.read()
    return { ...partsOf(response), body: { getReader: () => after([first], reader) } }
  }

  const asked = ask()
  try {
    return await Promise.race([asked, late])
  } finally {
    stop?.()
    if (isLate) {
      asked.catch(() => {})
      controller.abort()
      init.signal?.removeEventListener("abort", leave)
    }
  }
}

/** How each piece is asked for. */
interface Pieces {
  readonly fetch: NonNullable<PollingOptions["fetch"]>
  readonly url: string
  readonly init: FetchInit
  readonly clock: Clock
}

/** Reads one piece after the other, for as long as each is whole and something comes; `since` is when the first was asked for. */
function read({ fetch, url, init, clock }: Pieces, opened: PolledResponse, since: number): ByteReader {
  const known = createSmallParser({ onEvent() {} }, { lastEventId: init.headers["last-event-id"] })
  let reader = readerOf(opened)
  let idBefore = known.lastEventId
  /** The last two bytes: a piece that does not end with a blank line was cut, and what follows would be joined to half a block. */
  let tail = ""
  let isOver = false

  async function next(): Promise<boolean> {
    const id = known.lastEventId
    const isNews = id !== idBefore || clock.monotonic() - since >= SUSPICIOUS
    if (isOver || !isNews || tail !== "\n\n" || id === "" || !canSend(id)) return false
    const headers = { ...init.headers, "last-event-id": idToHeader(id) }
    since = clock.monotonic()
    idBefore = id
    const response = await fetch(url, { ...init, headers })
    // why not, the client finds out by asking itself
    if (response.status !== 200) return false
    reader = readerOf(response)
    return true
  }

  return {
    async read() {
      for (;;) {
        const { done, value } = await reader.read()
        if (!done && value) {
          known.feed(value)
          tail = (tail + String.fromCharCode(...value.subarray(-2))).slice(-2)
          return { done, value }
        }
        if (!(await next())) return { done: true }
      }
    },
    async cancel() {
      isOver = true
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

/** Of a body that comes only as a whole, that. */
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

/** What was read already, then the rest. */
function after(read: Awaited<ReturnType<ByteReader["read"]>>[], reader: ByteReader): ByteReader {
  return { read: async () => read.shift() ?? reader.read(), cancel: () => reader.cancel() }
}
