import { context, metrics, propagation, trace } from "@opentelemetry/api"
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks"
import { W3CTraceContextPropagator } from "@opentelemetry/core"
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics"
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace"

/** OpenTelemetry's SDK, registered for this process, whose exporters keep everything in memory. */
export interface Sdk {
  /** The spans that have ended since the last call. */
  takeSpans(): ReadableSpan[]
  /** Attributes and values of all series of a metric. */
  points(name: string): Promise<[attributes: object, value: unknown][]>
  /** Names of all metrics that were exported. */
  names(): Promise<string[]>
}

/** Registers the SDK, as an application does when it starts. Once in a process. */
export function registerSdk(): Sdk {
  const spans = new InMemorySpanExporter()
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }))
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))

  async function all() {
    exporter.reset()
    await reader.forceFlush()
    return exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
  }

  return {
    takeSpans() {
      const ended = spans.getFinishedSpans()
      spans.reset()
      return [...ended]
    },
    async points(name) {
      return (await all())
        .filter(({ descriptor }) => descriptor.name === name)
        .flatMap(({ dataPoints }) => dataPoints.map(({ attributes, value }): [object, unknown] => [attributes, value]))
    },
    names: async () => (await all()).map(({ descriptor }) => descriptor.name),
  }
}
