import { systemClock, type Clock } from "../clock.ts"
import { END_ID } from "../event-id.ts"
import { isSubscription, type StartPoint, type Subscription } from "../hub/index.ts"
import { durationOf } from "../options.ts"
import type { Sink } from "../sink.ts"
import { checkOptionsFor } from "./check-options.ts"
import { checkSource } from "./check-source.ts"
import { corsHeaders } from "./cors.ts"
import { FlushSink } from "./flush-sink.ts"
import { closeSource, discardSource, openSource } from "./open-source.ts"
import type { SourceSseOptions, SseResponseOptions, SubscriptionSseOptions } from "./options.ts"
import { PollSink, wantsPoll } from "./poll.ts"
import { unpackSource } from "./prepared-source.ts"
import { isClientFault, isOnwardError, problem, report } from "./problem.ts"
import { Pump } from "./pump.ts"
import { refusalOf } from "./refusal.ts"
import type { Negotiated, StreamRequest } from "./request.ts"
import type { CustomSource, Source } from "./source.ts"
import type { SseOptions } from "./sse-options.ts"
import { startPointOf } from "./start-point.ts"
import { GONE, nothingLeft, type StreamAnswer } from "./stream-answer.ts"
import { openingOf, streamHeaders } from "./stream-head.ts"

/** Time between the responses of a stream requested by `transport=poll`. */
const POLL_RETRY_MS = 1_000

/**
 * Decides by a request's method, headers and start point how it is answered. A source that is not used is disposed of.
 * @throws TypeError for a source that cannot be streamed, and for options that do not exist or have no effect on it
 */
export function answerStream(
  request: StreamRequest,
  source: Source,
  options: SseOptions = {},
): StreamAnswer | Promise<StreamAnswer> {
  checkSource(source)
  checkOptionsFor(source, options)
  if (isSubscription(source)) return answerSubscription(request, source, options)
  const unpacked = unpackSource(source, options)
  return answerCustom(request, unpacked.source, unpacked.options)
}

function answerSubscription(
  request: StreamRequest,
  source: Subscription,
  options: SubscriptionSseOptions,
): StreamAnswer {
  const clock = options.clock ?? source.clock
  const isPoll = wantsPoll(request)
  const checked = checkRequest(request, options, { clock, isWhole: isPoll, hasStart: source.isResolved })
  if (!isAccepted(checked)) return checked
  const { asked, cors } = checked
  const { headers, coding } = negotiated(request, checked, options)
  try {
    const stream = source.open(asked)
    if (request.method === "HEAD") return { status: 200, headers }
    const { heartbeat } = source
    // a native EventSource requests the next response after this time
    const opening = openingOf(heartbeat, options.padding, options.retry ?? (isPoll ? POLL_RETRY_MS : undefined))
    return {
      status: 200,
      headers,
      coding,
      start(sink) {
        sink.write(opening)
        stream.start(isPoll ? new PollSink(sink, clock, heartbeat) : withFlushes(sink, options, clock))
      },
    }
  } catch (error) {
    if (!isOnwardError(error)) throw error
    return problem(error, cors, clock)
  }
}

function answerCustom(
  request: StreamRequest,
  source: CustomSource,
  options: SourceSseOptions,
): StreamAnswer | Promise<StreamAnswer> {
  const { clock = systemClock } = options
  const checked = checkRequest(request, options, { clock, isWhole: false, hasStart: false })
  if (isAccepted(checked) && request.method !== "HEAD") return openCustom(request, source, options, checked)
  discardSource(source)
  return isAccepted(checked) ? { status: 200, headers: negotiated(request, checked, options).headers } : checked
}

async function openCustom(
  request: StreamRequest,
  source: CustomSource,
  options: SourceSseOptions,
  accepted: Accepted,
): Promise<StreamAnswer> {
  const { asked, cors } = accepted
  const { clock = systemClock, onError = report, end = true, signal } = options
  const heartbeat = durationOf("heartbeat", options.heartbeat, 15_000)
  const stallTimeout = durationOf("stallTimeout", options.stallTimeout, 120_000)
  const lastEventId = asked === "earliest" ? asked : afterOf(asked)
  try {
    const opened = await openSource(source, lastEventId, request, clock)
    if (!opened) return nothingLeft(cors)
    return {
      status: 200,
      ...negotiated(request, accepted, options),
      isAlone: true,
      start(sink) {
        sink.write(openingOf(heartbeat, options.padding, options.retry))
        const pumpOptions = { onError, heartbeat, stallTimeout, end, signal, clock }
        void new Pump(withFlushes(sink, options, clock), opened, pumpOptions).run()
      },
      cancel: () => closeSource(opened, onError),
    }
  } catch (error) {
    if (!isClientFault(error)) onError(error)
    return problem(error, cors, clock)
  }
}

/** A request that gets a stream if its source can be opened. */
interface Accepted {
  readonly asked: StartPoint | undefined
  readonly cors: Record<string, string> | undefined
  readonly headers: Readonly<Record<string, string>>
}

/** Checks all that does not depend on the source. */
function checkRequest(
  request: StreamRequest,
  options: SseResponseOptions,
  { clock, isWhole, hasStart }: { readonly clock: Clock; readonly isWhole: boolean; readonly hasStart: boolean },
): Accepted | StreamAnswer {
  if (request.hasLeft) return GONE
  const cors = options.cors && corsHeaders(request, options.cors, Object.keys(options.headers ?? {}))
  const refusal = refusalOf(request, cors, options)
  if (refusal) return refusal
  try {
    const headers = streamHeaders(options, cors, { isWhole })
    const asked = hasStart ? undefined : startPointOf(request, clock.now())
    return afterOf(asked) === END_ID ? nothingLeft(cors) : { asked, cors, headers }
  } catch (error) {
    if (!isOnwardError(error)) throw error
    return problem(error, cors, clock)
  }
}

function negotiated(
  request: StreamRequest,
  { headers }: Accepted,
  { compress }: Pick<SseResponseOptions, "compress">,
): Negotiated {
  if (compress === undefined || !request.negotiate) return { headers }
  return request.negotiate(headers, compress === "shared" ? "gzip" : compress.prefer)
}

const isAccepted = (checked: Accepted | StreamAnswer): checked is Accepted => !("status" in checked)

const afterOf = (asked: StartPoint | undefined): string | undefined =>
  typeof asked === "object" && "after" in asked ? asked.after : undefined

function withFlushes(sink: Sink, { flushAfter }: SseResponseOptions, clock: Clock): Sink {
  return flushAfter === undefined ? sink : new FlushSink(sink, clock, flushAfter)
}
