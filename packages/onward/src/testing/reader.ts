import { OnwardError } from "../errors.ts"
import { CHECKPOINT, createParser } from "../protocol/index.ts"
import type { ConnectionEnd, Exchange } from "./exchange.ts"
import { received, type ReceivedEvent } from "./received.ts"
import { createWaiting } from "./waiting.ts"

/** A connected client, as a test sees it. */
export interface Reader {
  readonly status: number
  readonly headers: Headers
  /** Everything received so far, unchanged. A response that is not an event stream is included as a whole. */
  readonly text: string
  /** Every event received so far, taken by `next` or not; Onward's own `stream.…` too, except checkpoints, which only move `lastEventId`. */
  readonly events: readonly ReceivedEvent[]
  /** The text of every comment received so far: the first opens the stream, heartbeats follow. */
  readonly comments: readonly string[]
  /** The id that a reconnect resumes after; events and checkpoints set it. */
  readonly lastEventId: string
  /** The reconnection time the server asked for last, in ms. */
  readonly retry: number | undefined
  /** Whether more may come. */
  readonly isOpen: boolean
  /**
   * The next event that was not taken yet; comes as soon as it is there.
   * @throws OnwardError `event_timeout` when none comes within `timeout`, `stream_ended` when none can come any more, `bad_status` or `bad_content_type` when this is no event stream
   */
  next(): Promise<ReceivedEvent>
  /** The next `count` events, once all are there; throws as `next` does. */
  take(count: number): Promise<ReceivedEvent[]>
  /** Waits until the stream is over, and says whether the server ended it or it was cut. Throws `event_timeout`. */
  closed(): Promise<ConnectionEnd>
  /** Takes nothing more, as a client whose network is slow: after 64 KiB or so the stream is full. */
  stall(): void
  /** Takes on, beginning with what it was not given meanwhile. */
  flow(): void
  /** The connection is gone, without a goodbye; resolves once the server has noticed and cleaned up. */
  cut(): Promise<void>
  /** What an EventSource does next: the same request, with `Last-Event-ID`, at once. A connection still open is cut before. */
  reconnect(): Promise<Reader>
  /** `await using reader = await connect(…)` cuts when the block is left. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface ReaderOptions {
  readonly lastEventId: string
  readonly timeout: number
  reconnect(lastEventId: string): Promise<Reader>
}

export const isStream = ({ headers }: Exchange): boolean =>
  /^text\/event-stream\b/i.test(headers.get("content-type") ?? "")

/** Reads an answer as it comes. */
export function createReader(exchange: Exchange, options: ReaderOptions): Reader {
  const { status, headers } = exchange
  const { lastEventId, timeout } = options
  const events: ReceivedEvent[] = []
  const comments: string[] = []
  const waiting = createWaiting(timeout)
  const decoder = new TextDecoder()
  let text = ""
  let taken = 0
  let ending: ConnectionEnd | undefined
  let failure: { readonly error: unknown } | undefined

  const parser = createParser(
    {
      onEvent: (event) => event.event !== CHECKPOINT && events.push(received(event)),
      onComment: (comment) => comments.push(comment),
    },
    { lastEventId },
  )

  exchange.read({
    onBytes(bytes) {
      if (ending) return
      text += decoder.decode(bytes, { stream: true })
      try {
        if (isStream(exchange)) parser.feed(bytes)
      } catch (error) {
        failure ??= { error }
      }
      waiting.look()
    },
    onOver(how) {
      ending ??= how
      waiting.look()
    },
  })

  function take(count: number): Promise<ReceivedEvent[]> {
    return waiting.until(
      () => {
        if (!isStream(exchange)) throw noStream(status, text)
        if (events.length - taken >= count) return events.slice(taken, (taken += count))
        if (failure) throw failure.error
        if (ending) throw over(ending, count, events.length - taken, text)
        return undefined
      },
      () => tooLate(`${count - (events.length - taken)} of ${count} events did not come`, events.length, timeout),
    )
  }

  async function cut(): Promise<void> {
    ending ??= "cut"
    await exchange.cut()
    waiting.look()
  }

  return {
    status,
    headers,
    events,
    comments,
    get text() {
      return text
    },
    get lastEventId() {
      return parser.lastEventId
    },
    get retry() {
      return parser.retry
    },
    get isOpen() {
      return ending === undefined
    },
    async next() {
      const [event] = await take(1)
      return event as ReceivedEvent
    },
    take,
    closed: () =>
      waiting.until(
        () => ending,
        () => tooLate("the stream did not end", events.length, timeout),
      ),
    stall: () => exchange.stall(),
    flow: () => exchange.flow(),
    cut,
    async reconnect() {
      await cut()
      return options.reconnect(parser.lastEventId)
    },
    [Symbol.asyncDispose]: cut,
  }
}

function noStream(status: number, text: string): OnwardError {
  const what = `the answer is no event stream but status ${status}${text && `, ${JSON.stringify(text.slice(0, 200))}`}`
  return new OnwardError(status === 200 ? "bad_content_type" : "bad_status", what, { status })
}

function over(ending: ConnectionEnd, wanted: number, left: number, text: string): OnwardError {
  const how = ending === "ended" ? "the server ended the stream" : "the connection was cut"
  const tail = text.length > 200 ? `…${text.slice(-200)}` : text
  return new OnwardError("stream_ended", `${how}: ${left} of ${wanted} events came; last was ${JSON.stringify(tail)}`)
}

function tooLate(what: string, count: number, timeout: number): OnwardError {
  return new OnwardError(
    "event_timeout",
    `${what} within ${timeout} ms (received in all: ${count}, see \`text\`). Time on a clock of createClock ` +
      "passes with `await clock.pass(ms)` only, and a reader that was stalled takes on after `flow()`",
  )
}
