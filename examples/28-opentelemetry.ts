// Metrics and traces of a hub for OpenTelemetry. It needs only the API; your SDK exports them.
import { metrics, SpanStatusCode, trace } from "@opentelemetry/api"
import { createHub } from "onward"

const meter = metrics.getMeter("onward")
const closed = meter.createCounter("sse.streams.closed")
const delivered = meter.createCounter("sse.entries.delivered")
const lag = meter.createHistogram("sse.delivery.lag", { unit: "ms" })
meter.createObservableGauge("sse.streams").addCallback((result) => {
  const { live, reading, full } = hub.stats()
  for (const [state, count] of Object.entries({ live, reading, full })) result.observe(count, { state })
})

export const hub = createHub({
  observe(seen) {
    if (seen.type === "closed") closed.add(1, { reason: seen.reason })
    if (seen.type === "delivered") delivered.add(seen.entries)
    if (seen.type === "delivered") lag.record(seen.lag)
    if (seen.type !== "published") return
    const span = trace.getTracer("onward").startSpan("publish", { startTime: Date.now() - seen.duration })
    if (seen.error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
  },
})
