import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test, type TestContext } from "node:test"
import * as api from "@opentelemetry/api"
import { createHub, memoryLog, type Hub, type Log } from "onward"
import { sse } from "onward/node"
import { createRuns, text } from "onward/runs"
import { openTelemetry, withTraceContext } from "onward/opentelemetry"
import { connect } from "onward/testing"
import { sse as webSse } from "onward/web"
import { registerSdk } from "./sdk.ts"

const sdk = registerSdk()

/** The trace and the span of a request's client. */
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
const CALLER = "00f067aa0ba902b7"
const traceparent = `00-${TRACE}-${CALLER}-01`

function start(t: TestContext, log: Log = memoryLog()): Hub {
  sdk.takeSpans()
  const hub = createHub({ log, observe: openTelemetry(api), onError() {} })
  t.after(() => hub.close())
  return hub
}

test("a stream and a publish are spans of the trace that their request names", async (t) => {
  const hub = start(t)
  const reader = await connect(
    (req, res) =>
      withTraceContext(api, req.headers, () =>
        sse(req, res, hub.subscribe({ topics: ["news"], patterns: ["room/*"], label: "app", userId: "ada" })),
      ),
    { headers: { traceparent } },
  )
  await withTraceContext(api, new Headers({ traceparent }), () => hub.publish({ topic: "news", data: "secret" }))
  assert.equal((await reader.next()).data, "secret")
  await reader.cut()

  const [published, streamed] = sdk.takeSpans()
  for (const span of [published, streamed]) {
    assert.equal(span?.spanContext().traceId, TRACE)
    assert.equal(span?.parentSpanContext?.spanId, CALLER)
  }
  assert.equal(published?.name, "publish")
  assert.equal(published?.kind, api.SpanKind.PRODUCER)
  assert.deepEqual(published?.attributes, {
    "messaging.system": "onward",
    "messaging.operation.name": "publish",
    "messaging.operation.type": "send",
    "messaging.destination.name": "news",
    "onward.publish.bytes": 6,
  })
  assert.equal(streamed?.name, "stream")
  assert.equal(streamed?.kind, api.SpanKind.SERVER)
  assert.deepEqual(
    { ...streamed?.attributes, "onward.stream.id": undefined },
    {
      "onward.stream.id": undefined,
      "onward.stream.label": "app",
      "onward.stream.topics": ["news"],
      "onward.stream.patterns": ["room/*"],
      "onward.stream.outcome": "live",
      "onward.stream.reason": "client",
      "onward.stream.entries": 1,
      "onward.stream.bytes": streamed?.attributes["onward.stream.bytes"],
    },
  )
})

test("with an instrumentation of HTTP, spans are children of its span and not of traceparent", async (t) => {
  const hub = start(t)
  const tracer = api.trace.getTracer("http")
  await tracer.startActiveSpan("POST /messages", async (request) => {
    await withTraceContext(api, { traceparent }, () => hub.publish({ topic: "news", data: "1" }))
    const fetched = new Request("http://localhost/", { headers: { traceparent } })
    const response = withTraceContext(api, fetched.headers, () => webSse(fetched, hub.subscribe({ topics: ["news"] })))
    await (await response).body?.cancel()
    request.end()
  })
  const spans = sdk.takeSpans()
  const request = spans.find(({ name }) => name === "POST /messages")
  const children = spans.filter((span) => span !== request)
  assert.deepEqual(
    children.map(({ name, kind }) => [name, kind]),
    [
      ["publish", api.SpanKind.PRODUCER],
      ["stream", api.SpanKind.INTERNAL],
    ],
  )
  for (const child of children) assert.equal(child.parentSpanContext?.spanId, request?.spanContext().spanId)
})

test("without traceparent each span begins a trace of its own", async (t) => {
  const hub = start(t)
  await withTraceContext(api, {}, () => hub.publishMany([{ topic: "a" }, { topic: "b" }]))
  await hub.publish({ topic: "a", data: "1", id: "1" })
  await hub.publish({ topic: "a", data: "1", id: "1" })
  const spans = sdk.takeSpans()
  assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 3)
  assert.deepEqual(
    spans.map(({ attributes }) => [
      attributes["messaging.destination.name"],
      attributes["messaging.batch.message_count"],
      attributes["onward.publish.repeated"],
    ]),
    [
      [undefined, 2, undefined],
      ["a", undefined, undefined],
      ["a", undefined, 1],
    ],
  )
})

test("what fails is an error: a refused message, a refused stream", async (t) => {
  const hub = start(t)
  await assert.rejects(hub.publish({ topic: "", data: "1" }))
  const limited = createHub({ limits: { connections: 0 }, observe: openTelemetry(api) })
  t.after(() => limited.close())
  await connect((req, res) => sse(req, res, limited.subscribe({ topics: ["a"], label: "app" })))
  const [published, streamed] = sdk.takeSpans()
  assert.equal(published?.status.code, api.SpanStatusCode.ERROR)
  assert.equal(published?.attributes["error.type"], "invalid_selector")
  assert.equal(streamed?.status.code, api.SpanStatusCode.ERROR)
  assert.deepEqual(streamed?.attributes, { "error.type": "too_many_connections", "onward.stream.label": "app" })
})

test("a stream's span tells how it started and what it lost", async (t) => {
  const log = memoryLog({ retention: { count: 1 } })
  const hub = start(t, log)
  const first = await hub.publish({ topic: "news", data: "1" })
  for (const data of ["2", "3"]) await hub.publish({ topic: "news", data })
  sdk.takeSpans()
  const other = createHub({ log, observe: openTelemetry(api) })
  const reader = await connect((req, res) => sse(req, res, other.subscribe({ topics: ["news"] })), {
    lastEventId: first,
  })
  await reader.next()
  await reader.cut()
  const [span] = sdk.takeSpans()
  assert.equal(span?.attributes["onward.stream.outcome"], "gap_trimmed")
  const [gap] = span?.events ?? []
  assert.deepEqual([gap?.name, gap?.attributes], ["gap", { reason: "trimmed" }])
})

test("metrics are counted, and their names are those that the hub server serves", async (t) => {
  const hub = start(t)
  const reader = await connect((req, res) => sse(req, res, hub.subscribe({ topics: ["metrics"], label: "metrics" })))
  await hub.publish({ topic: "metrics", data: "1" })
  await reader.next()
  const open = await sdk.points("onward.streams")
  assert.deepEqual(
    open.find(([attributes]) => "api" in attributes && attributes.api === "metrics"),
    [{ api: "metrics" }, 1],
  )
  await reader.cut()
  const closed = await sdk.points("onward.streams_closed")
  assert.deepEqual(
    closed.find(([attributes]) => "api" in attributes && attributes.api === "metrics"),
    [{ api: "metrics", reason: "client" }, 1],
  )
  const docs = readFileSync(new URL("../../../../docs/metrics.md", import.meta.url), "utf8")
  const names = await sdk.names()
  assert.ok(names.length > 8, names.join())
  for (const name of names) assert.match(docs, new RegExp(`\`${name.replaceAll(".", "_")}(?:_total|_seconds)?\``), name)
})

test("without an SDK nothing is kept, and anything but the API is refused", async () => {
  const silent = {
    ...api,
    trace: { getSpan: () => undefined, getTracer: () => new api.ProxyTracerProvider().getTracer("none") },
  } as unknown as typeof api
  const hub = createHub({ observe: openTelemetry(silent) })
  await hub.publish({ topic: "a", data: "1" })
  await hub.close()
  assert.throws(() => openTelemetry({} as never), /takes the module @opentelemetry\/api, not an object/)
  assert.throws(() => openTelemetry(undefined as never), /takes the module @opentelemetry\/api, not undefined/)
})

test("a run is a span of the trace in which it was started, without its id", async (t) => {
  const hub = start(t)
  const runs = createRuns({ hub, format: text(), observe: openTelemetry(api), onError() {} })
  const tracer = api.trace.getTracer("app")
  const answer = async (id: string, failing = false): Promise<void> => {
    const { ended } = await runs.start(id, async function* () {
      yield "hello"
      if (failing) throw new Error("the provider failed")
    })
    await ended()
  }
  await withTraceContext(api, { traceparent }, () => answer("secret-1"))
  await tracer.startActiveSpan("job", async (job) => {
    await answer("secret-2", true)
    job.end()
  })
  await runs.close()
  const spans = sdk.takeSpans()
  const [first, second] = spans.filter(({ name }) => name === "run")
  const job = spans.find(({ name }) => name === "job")
  assert.deepEqual([first?.spanContext().traceId, first?.parentSpanContext?.spanId], [TRACE, CALLER])
  assert.equal(second?.parentSpanContext?.spanId, job?.spanContext().spanId)
  assert.deepEqual(
    first?.events.map(({ name }) => name),
    ["first_text"],
  )
  assert.equal(first?.attributes["onward.run.status"], "completed")
  assert.equal(second?.status.code, api.SpanStatusCode.ERROR)
  const reported = JSON.stringify(spans.filter(({ name }) => name === "run").map(({ attributes }) => attributes))
  assert.doesNotMatch(reported, /secret/)
  const ended = await sdk.points("onward.runs")
  assert.deepEqual(ended, [
    [{ status: "completed" }, 1],
    [{ status: "failed" }, 1],
  ])
})
