import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { stream } from "onward/client"
import { serveOnward, type Listening } from "./onward.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
const CALLER = "00f067aa0ba902b7"
const headers = { traceparent: `00-${TRACE}-${CALLER}-01` }
const program = new URL("tracing-program.ts", import.meta.url).href

interface Span {
  readonly name: string
  readonly traceId: string
  readonly parent?: string
  readonly attributes: Readonly<Record<string, unknown>>
}

const start = (t: TestContext, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Listening> =>
  serveOnward(t, { data: temporaryFolder(t), args: ["--log-format", "json", ...args], ...(env && { env }) })

/** Waits until the hub has printed so many spans. */
async function spansOf({ printed }: Listening, count: number): Promise<Span[]> {
  for (;;) {
    const spans = [...printed().matchAll(/^span (.*)$/gm)].map(([, json = ""]) => JSON.parse(json) as Span)
    if (spans.length >= count) return spans
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test("with an SDK, requests to the hub are spans of their traces", async (t) => {
  const hub = await start(t, ["--tracing", "--log-level", "debug", "--max-streams-per-address", "1"], {
    NODE_OPTIONS: `--import=${program}`,
  })
  const events = stream(`${hub.url}/events?topic=news`, { headers })
  const first = events.next()
  // the hub knows of the stream before it publishes what the stream waits for
  while (events.status.state !== "open") await new Promise((resolve) => setTimeout(resolve, 10))
  const body = new URLSearchParams({ topic: "news", data: "1" })
  assert.equal((await fetch(`${hub.url}/publish`, { method: "POST", headers, body })).status, 200)
  assert.equal((await first).value?.data, "1")
  assert.equal((await fetch(`${hub.url}/events?topic=news`, { headers })).status, 429)
  events.close()
  const spans = await spansOf(hub, 3)
  assert.deepEqual(
    spans.map(({ name, traceId, parent }) => [name, traceId, parent]),
    [
      ["publish", TRACE, CALLER],
      ["stream", TRACE, CALLER],
      ["stream", TRACE, CALLER],
    ],
  )
  assert.equal(spans[0]?.attributes["messaging.destination.name"], "news")
  assert.equal(spans[1]?.attributes["error.type"], "too_many_connections_for_key")
  assert.deepEqual(spans[2]?.attributes["onward.stream.topics"], ["news"])
  assert.equal(spans[2]?.attributes["onward.stream.label"], "events")
  assert.equal(spans[2]?.attributes["onward.stream.reason"], "client")
  const lines = hub.printed().matchAll(/^\{"time".*$/gm)
  const logged = Array.from(lines, ([line]) => JSON.parse(line) as Record<string, unknown>)
  for (const text of ["POST /publish 200", "GET /events?topic=news 429", "(too_many_connections_for_key)"]) {
    const line = logged.find(({ msg }) => String(msg).endsWith(text))
    assert.deepEqual([line?.["trace_id"], line?.["span_id"]], [TRACE, CALLER], text)
  }
})

test("without an SDK, tracing warns at the start and the hub works", async (t) => {
  const hub = await start(t, ["--tracing"])
  assert.match(hub.printed(), /"level":"warn","msg":"The setting tracing does nothing, because no OpenTelemetry SDK/)
  const body = new URLSearchParams({ topic: "news", data: "1" })
  assert.equal((await fetch(`${hub.url}/publish`, { method: "POST", headers, body })).status, 200)
})
