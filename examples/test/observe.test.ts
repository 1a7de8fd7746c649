// Runs the examples that observe a hub, with prom-client and with the SDK of OpenTelemetry.
import assert from "node:assert/strict"
import { test } from "node:test"
import { metrics } from "@opentelemetry/api"
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics"
import type { Hub } from "onward"
import { sse } from "onward/node"
import { connect } from "onward/testing"
import { register } from "prom-client"

/** One stream that receives two entries and ends, and one that stays. */
async function use(hub: Hub): Promise<void> {
  const open = () => connect((req, res) => sse(req, res, hub.subscribe({ topics: ["news"] })))
  const [leaving] = [await open(), await open()]
  await hub.publishMany([
    { topic: "news", data: "1" },
    { topic: "news", data: "2" },
  ])
  await leaving.next()
  await leaving.cut()
}

test("examples/27-prometheus.ts counts streams and deliveries", async () => {
  const { hub } = await import("../27-prometheus.ts")
  await use(hub)
  const text = await register.metrics()
  for (const line of [
    'sse_streams_closed_total{reason="client"} 1',
    'sse_resumes_total{outcome="live"} 2',
    "sse_delivered_entries_total 4",
    "sse_delivery_lag_seconds_count 1",
    'sse_streams{state="live"} 1',
  ]) {
    assert.ok(text.split("\n").includes(line), `${line} in ${text}`)
  }
  await hub.close()
})

test("examples/28-opentelemetry.ts reports the same to any SDK", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: 3_600_000,
    exportTimeoutMillis: 1_000,
  })
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
  const { hub } = await import("../28-opentelemetry.ts")
  await use(hub)
  await reader.forceFlush()
  const all = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
  const points = (name: string): unknown[] =>
    all
      .filter(({ descriptor }) => descriptor.name === name)
      .flatMap(({ dataPoints }) => dataPoints.map(({ attributes, value }) => [attributes, value]))
  assert.deepEqual(points("sse.streams.closed"), [[{ reason: "client" }, 1]])
  assert.deepEqual(points("sse.entries.delivered"), [[{}, 4]])
  assert.deepEqual(points("sse.streams")[0], [{ state: "live" }, 1])
  await hub.close()
  await reader.shutdown()
})
