// For `node --import`: starts OpenTelemetry's SDK, as an operator does, and prints each span as a line of JSON.
import { context, propagation, trace } from "@opentelemetry/api"
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks"
import { ExportResultCode, W3CTraceContextPropagator } from "@opentelemetry/core"
import { SimpleSpanProcessor, TracerProvider, type ReadableSpan, type SpanExporter } from "@opentelemetry/sdk-trace"

const exporter: SpanExporter = {
  export(spans: ReadableSpan[], done) {
    for (const span of spans) {
      const { name, attributes, parentSpanContext } = span
      const { traceId } = span.spanContext()
      process.stderr.write(`span ${JSON.stringify({ name, traceId, parent: parentSpanContext?.spanId, attributes })}\n`)
    }
    done({ code: ExportResultCode.SUCCESS })
  },
  shutdown: async () => {},
}
context.setGlobalContextManager(new AsyncLocalStorageContextManager())
propagation.setGlobalPropagator(new W3CTraceContextPropagator())
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }))
