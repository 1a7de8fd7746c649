import { systemClock, type Clock } from "../clock.ts"
import type { OnwardError } from "../errors.ts"
import { Frame } from "../frame.ts"
import { END_ID } from "../event-id.ts"
import { isSubscription, type StartPoint, type Subscription } from "../hub/index.ts"
import { encodeComment, encodeRetry } from "../protocol/index.ts"
import { durationOf } from "../options.ts"
import { STREAM_METHODS } from "../methods.ts"
import type { Sink } from "../sink.ts"
import { checkHeaderValues, checkOptionsFor, type SseOptions } from "./options.ts"
import { checkSource } from "./check-source.ts"
import { corsHeaders, preflightHeaders } from "./cors.ts"
import { Pump } from "./pump.ts"
import { FlushSink } from "./flush-sink.ts"
import { PollSink, wantsPoll } from "./poll.ts"
import type { StreamRequest } from "./request.ts"
import { close, discard, openSource, type Source } from "./source.ts"
import { startPointOf } from "./start-point.ts"

/** How a request is answered: at once, or with a stream that `start` begins once the head is sent. */
export interface StreamAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Text of an answer that is no stream. */
  readonly body?: string
  readonly start?: (sink: Sink) => void
  /** Whether `start` is to be given a sink that writes gzip. */
  readonly isGzip?: boolean
  /** Instead of `start`, when the head could not be sent. */
  readonly cancel?: () => void
}

const METHODS = [...STREAM_METHODS, "OPTIONS"]

/** A cache must not store it, a proxy not transform or buffer it: docs/production.md. */
const STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
}

/** Asks proxies to hand on what comes as it comes (RFC 10036). One that does not know the field ignores it. */
const INCREMENTAL = { incremental: "?1" }

/** Between the pieces of a stream that is asked for by `transport=poll`. */
const POLL_RETRY_MS = 1_000

/**
 * Sent at once, or proxies and browsers wait; it tells Onward's client what silence means that something is wrong. `retry` is a line of the
 * block that follows: many clients deliver a block of its own as an empty message.
 */
function openingOf(heartbeat: number, padding: number, retry: number | undefined): Frame {
  const announced = encodeComment(heartbeat < Infinity ? `heartbeat ${heartbeat}` : "")
  const padded = padding > 0 ? announced + encodeComment("-".repeat(padding)) : announced
  return new Frame(retry === undefined ? padded : padded + encodeRetry(retry))
}

/** What a client gets that is not there any longer: nothing. */
const GONE: StreamAnswer = { status: 499, headers: {} }

/**
 * Decides by a request's method, headers and start point what it gets. A source that is not used is disposed of.
 * Throws a `TypeError` for a source that cannot be streamed, and for options that do not exist or have no effect on it.
 */
export function answerStream(
  request: StreamRequest,
  source: Source,
  options: SseOptions = {},
): StreamAnswer | Promise<StreamAnswer> {
  checkSource(source)
  checkOptionsFor(source, options)
  if (request.hasLeft) {
    discard(source)
    return GONE
  }
  const cors = options.cors && corsHeaders(request, options.cors, Object.keys(options.headers ?? {}))
  const refused = refuse(request, cors, options.accept === "any")
  if (refused) {
    discard(source)
    return refused
  }
  const clock = options.clock ?? (isSubscription(source) ? source.clock : systemClock)
  const flushAfter = durationOf("flushAfter", options.flushAfter, 0)
  const { padding = 0 } = options
  const flushing = (sink: Sink): Sink => (flushAfter > 0 ? new FlushSink(sink, clock, flushAfter) : sink)
  const isPoll = wantsPoll(request) && isSubscription(source)
  const incremental = (options.incremental ?? true) && !isPoll && INCREMENTAL
  const plain = { ...STREAM_HEADERS, ...incremental, ...cors, ...options.headers }
  const isNegotiable = options.compress !== undefined && isSubscription(source)
  const { headers, isGzip } = (isNegotiable && request.negotiate?.(plain)) || { headers: plain, isGzip: false }
  try {
    if (options.headers) checkHeaderValues(options.headers)
    const asked = startPointOf(request, clock.now())
    if (isEnd(asked)) {
      discard(source)
      return { status: 204, headers: { "cache-control": "no-store", ...cors } }
    }
    if (request.method === "HEAD") {
      if (isSubscription(source)) source.open(asked)
      discard(source)
      return { status: 200, headers }
    }
    if (isSubscription(source)) {
      const stream = source.open(asked)
      const { heartbeat } = source
      // a native EventSource asks for the next piece after this time
      const opening = openingOf(heartbeat, padding, options.retry ?? (isPoll ? POLL_RETRY_MS : undefined))
      return {
        status: 200,
        headers,
        isGzip,
        start(sink) {
          sink.write(opening)
          stream.start(isPoll ? new PollSink(sink, clock, heartbeat) : flushing(sink))
        },
      }
    }
    return answerOwn(request, source, asked, { headers, options, cors, clock, padding, flushing })
  } catch (error) {
    discard(source)
    if (!isKnown(error)) throw error
    return problem(error, cors, clock)
  }
}

/** Where errors go that nobody else asked for. */
export const report = (error: unknown): void => console.error("onward:", error)

const isEnd = (asked: StartPoint | undefined): boolean =>
  typeof asked === "object" && "after" in asked && asked.after === END_ID

interface Head {
  readonly headers: Record<string, string>
  readonly options: SseOptions
  readonly cors: Record<string, string> | undefined
  readonly clock: Clock
  readonly padding: number
  readonly flushing: (sink: Sink) => Sink
}

async function answerOwn(
  request: StreamRequest,
  source: Exclude<Source, Subscription>,
  asked: StartPoint | undefined,
  head: Head,
): Promise<StreamAnswer> {
  const { headers, options, cors, clock, padding, flushing } = head
  const { onError = report, end = true, signal } = options
  const heartbeat = durationOf("heartbeat", options.heartbeat, 15_000)
  const stallTimeout = durationOf("stallTimeout", options.stallTimeout, 120_000)
  const opening = openingOf(heartbeat, padding, options.retry)
  const lastEventId =
    typeof asked === "object" && "after" in asked ? asked.after : asked === "earliest" ? asked : undefined
  try {
    const opened = await openSource(source, lastEventId, request, clock)
    if (!opened) return { status: 204, headers: { "cache-control": "no-store", ...cors } }
    return {
      status: 200,
      headers,
      start(sink) {
        sink.write(opening)
        void new Pump(flushing(sink), opened, { onError, heartbeat, stallTimeout, end, signal, clock }).run()
      },
      cancel: () => close(opened, onError),
    }
  } catch (error) {
    // what its asker is to blame for is told to the asker alone
    if (!isAskersFault(error)) onError(error)
    return problem(error, cors, clock)
  }
}

/** By its name, as it may come from another copy of the library. */
const isKnown = (error: unknown): error is OnwardError => error instanceof Error && error.name === "OnwardError"

const isAskersFault = (error: unknown): boolean => isKnown(error) && !error.isRemote && error.status < 500

function refuse(
  request: StreamRequest,
  cors: Record<string, string> | undefined,
  acceptsAny: boolean,
): StreamAnswer | undefined {
  const { method } = request
  if (method === "OPTIONS") {
    const isAllowed = cors?.["access-control-allow-origin"] !== undefined
    return { status: 204, headers: { allow: METHODS.join(", "), ...cors, ...(isAllowed && preflightHeaders(METHODS)) } }
  }
  if (!METHODS.includes(method)) {
    return {
      ...text(405, "This is an event stream: use GET, QUERY or POST."),
      headers: { ...PLAIN, allow: METHODS.join(", "), ...cors },
    }
  }
  if (!acceptsAny && !acceptsStream(request.header("accept"))) {
    return { ...text(406, "This is an event stream: accept text/event-stream."), headers: { ...PLAIN, ...cors } }
  }
  return undefined
}

/** RFC 9110 section 12.5.1: absent accepts everything; the most specific range with a weight above 0 decides. */
function acceptsStream(accept: string | undefined): boolean {
  if (accept === undefined || accept === "") return true
  let best = -1
  let weight = 0
  for (const part of accept.split(",")) {
    const [range = "", ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase())
    const rank = ["*/*", "text/*", "text/event-stream"].indexOf(range)
    if (rank < best || rank < 0) continue
    const q = parameters.find((parameter) => parameter.startsWith("q="))
    best = rank
    weight = q === undefined ? 1 : Number.parseFloat(q.slice(2))
  }
  return best >= 0 && weight > 0
}

const PLAIN: Readonly<Record<string, string>> = {
  "content-type": "text/plain; charset=utf-8",
  "cache-control": "no-store",
}

const text = (status: number, body: string): StreamAnswer => ({ status, headers: PLAIN, body: `${body}\n` })

/** An error as an answer. What is no fault of the client's is not described to it. */
export function problem(error: unknown, cors?: Record<string, string>, clock: Clock = systemClock): StreamAnswer {
  const known = isKnown(error) && !error.isRemote ? error : undefined
  const status = known?.status ?? 500
  const isTold = known !== undefined && !known.code.startsWith("log_")
  const isLater = status === 503 || status === 429
  return {
    ...text(status, isTold ? known.message : "The stream could not be started."),
    // jittered, or all who were refused come back together
    headers: { ...PLAIN, ...cors, ...(isLater && { "retry-after": String(1 + Math.floor(clock.random() * 5)) }) },
  }
}
