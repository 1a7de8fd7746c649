import type * as Api from "@opentelemetry/api"
import { OnwardError } from "../errors.ts"
import type { HubObservation } from "../hub/index.ts"
import { kindOf } from "../kind.ts"
import type { RunObservation } from "../runs/index.ts"
import { createInstruments } from "./instruments.ts"
import { createRunSpans, isOfRun } from "./run-spans.ts"

/** The name under which spans and metrics are reported. */
const SCOPE = "onward"

type Seen<Type extends HubObservation["type"]> = Extract<HubObservation, { readonly type: Type }>

/**
 * Returns a function for the option `observe` of `createHub` and of `createRuns`, which reports to OpenTelemetry: a span for each stream, from
 * its opening to its end, for each call that publishes, and for each run that this process produces, and metrics with the names of the hub
 * server's. The parent of a span is the span that is active where the program calls `sse`, `publish` or starts the run;
 * {@link withTraceContext} makes that the span of a request's `traceparent`. Data of messages, user ids and ids of runs are never reported;
 * topics are attributes of spans, and never of metrics.
 *
 * @param api the module `@opentelemetry/api`, whose global providers your SDK has registered
 * @throws TypeError for something else than the module
 * @example
 * import * as api from "@opentelemetry/api"
 * const hub = createHub({ observe: openTelemetry(api) })
 */
export function openTelemetry(
  api: Pick<typeof Api, "trace" | "metrics" | "context" | "SpanKind" | "SpanStatusCode">,
): (observation: HubObservation | RunObservation) => void {
  const { trace, metrics, context, SpanKind, SpanStatusCode } = api ?? {}
  if (typeof trace?.getTracer !== "function" || typeof metrics?.getMeter !== "function") {
    throw new TypeError(`openTelemetry takes the module @opentelemetry/api, not ${kindOf(api)}.`)
  }
  const tracer = trace.getTracer(SCOPE)
  const meter = metrics.getMeter(SCOPE)
  const measure = createInstruments(meter)
  const reportRun = createRunSpans(api, tracer, meter)
  const open = new Map<string, Api.Span>()

  /** In a span of this process, such as that of the request, a part of it; else the server's side of a trace. */
  function kindHere(): Api.SpanKind {
    const parent = trace.getSpan(context.active())
    return parent && !parent.spanContext().isRemote ? SpanKind.INTERNAL : SpanKind.SERVER
  }

  function openSpan({ id, label, topics, patterns }: Seen<"opened">): void {
    const attributes = {
      "onward.stream.id": id,
      ...(label !== undefined && { "onward.stream.label": label }),
      ...(topics.length > 0 && { "onward.stream.topics": shorten(topics) }),
      ...(patterns.length > 0 && { "onward.stream.patterns": shorten(patterns) }),
    }
    const span = tracer.startSpan("stream", { kind: kindHere(), attributes })
    // without an SDK, and for a trace that is not sampled, there is nothing to remember
    if (span.isRecording()) open.set(id, span)
  }

  function closeSpan({ id, reason, entries, bytes }: Seen<"closed">): void {
    const span = open.get(id)
    if (!span) return
    open.delete(id)
    span.setAttributes({
      "onward.stream.reason": reason,
      "onward.stream.entries": entries,
      "onward.stream.bytes": bytes,
    })
    if (reason === "error" || reason === "stalled") span.setStatus({ code: SpanStatusCode.ERROR, message: reason })
    span.end()
  }

  function refuse({ code, label }: Seen<"refused">): void {
    const attributes = { "error.type": code, ...(label !== undefined && { "onward.stream.label": label }) }
    const span = tracer.startSpan("stream", { kind: kindHere(), attributes })
    span.setStatus({ code: SpanStatusCode.ERROR, message: code })
    span.end()
  }

  /** A publish is observed when it is over. */
  function publishSpan({ messages, repeated, bytes, duration, error }: Seen<"published">): void {
    const topics = new Set(messages.map(({ topic }) => topic))
    const [topic] = topics
    const endTime = Date.now()
    const span = tracer.startSpan("publish", {
      kind: SpanKind.PRODUCER,
      startTime: endTime - duration,
      attributes: {
        "messaging.system": SCOPE,
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        ...(topics.size === 1 && typeof topic === "string" && { "messaging.destination.name": topic }),
        ...(messages.length > 1 && { "messaging.batch.message_count": messages.length }),
        "onward.publish.bytes": bytes,
        ...(repeated > 0 && { "onward.publish.repeated": repeated }),
      },
    })
    if (error !== undefined) {
      span.setAttribute("error.type", error instanceof OnwardError ? error.code : "Error")
      span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : kindOf(error) })
    }
    span.end(endTime)
  }

  return (seen) => {
    if (isOfRun(seen)) return reportRun(seen)
    measure(seen)
    switch (seen.type) {
      case "opened":
        return openSpan(seen)
      case "resumed":
        return void open.get(seen.id)?.setAttribute("onward.stream.outcome", seen.outcome)
      case "gap":
        return void open.get(seen.id)?.addEvent("gap", { reason: seen.reason })
      case "fell_behind":
      case "caught_up":
        return void open.get(seen.id)?.addEvent(seen.type)
      case "closed":
        return closeSpan(seen)
      case "refused":
        return refuse(seen)
      case "published":
        return publishSpan(seen)
      default: // the others are only measured
    }
  }
}

/** Most names in one attribute. */
const MAX_NAMES = 20

const shorten = (names: readonly string[]): string[] =>
  names.length > MAX_NAMES ? [...names.slice(0, MAX_NAMES), `and ${names.length - MAX_NAMES} more`] : [...names]
