// Runs the examples that observe a hub, with prom-client and with the SDK of OpenTelemetry.
import assert from "node:assert/strict"
import { test } from "node:test"
import type { Hub } from "onward"
import { sse } from "onward/node"
import { connect } from "onward/testing"
import { register } from "prom-client"
import { registerSdk } from "../../packages/onward/test/opentelemetry/sdk.ts"

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

test("examples/28-opentelemetry.ts reports spans and metrics to any SDK", async () => {
  const sdk = registerSdk()
  const { hub, server } = await import("../28-opentelemetry.ts")
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
  const reader = await connect(server, { headers: { traceparent } })
  await hub.publish({ topic: "news", data: "1" })
  await reader.next()
  await reader.cut()
  assert.deepEqual(
    sdk.takeSpans().map(({ name, parentSpanContext }) => [name, parentSpanContext?.spanId]),
    [
      ["publish", undefined],
      ["stream", "00f067aa0ba902b7"],
    ],
  )
  assert.deepEqual(await sdk.points("onward.streams_closed"), [[{ reason: "client" }, 1]])
  assert.deepEqual(await sdk.points("onward.delivered_entries"), [[{}, 1]])
  await hub.close()
})
