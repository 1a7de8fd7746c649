import type { IncomingMessage } from "node:http"
import type { HubObservation } from "onward"
import { installed } from "./installed.ts"
import type { Logger } from "./logger.ts"

/** Reports to the OpenTelemetry SDK with which the process was started. */
export interface Tracing {
  /** For the option `observe` of the hub. */
  observe(observation: HubObservation): void
  /** Handles a request in the trace that its `traceparent` names. */
  run(req: IncomingMessage, handle: () => void): void
  /** Returns a function that runs in the trace in which this is called. */
  readonly bind: (listener: () => void) => () => void
}

/** Loads OpenTelemetry's API. Gives lines of the log the ids of their trace. Warns if no SDK is registered, and rejects with `UsageError` if the package is missing. */
export async function startTracing(logger: Pick<Logger, "log" | "addFields">): Promise<Tracing> {
  const api = await installed(
    "The setting tracing needs the package",
    "@opentelemetry/api",
    () => import("@opentelemetry/api"),
  )
  const { openTelemetry, withTraceContext } = await import("onward/opentelemetry")
  // an SDK gives each span an id, also one that it does not sample
  if (!api.isSpanContextValid(api.trace.getTracer("onward").startSpan("start").spanContext())) {
    logger.log(
      "warn",
      "The setting tracing does nothing, because no OpenTelemetry SDK was started. Set NODE_OPTIONS=--import=@opentelemetry/auto-instrumentations-node/register.",
    )
  }
  // the names of OpenTelemetry for logs in JSON
  logger.addFields(() => {
    const { traceId, spanId } = api.trace.getActiveSpan()?.spanContext() ?? {}
    return traceId === undefined ? {} : { trace_id: traceId, span_id: spanId }
  })
  return {
    observe: openTelemetry(api),
    run: (req, handle) => withTraceContext(api, req.headers, handle),
    bind: (listener) => api.context.bind(api.context.active(), listener),
  }
}
