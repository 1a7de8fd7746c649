import assert from "node:assert/strict"
import { test } from "node:test"
import { EventSource, stream, type ClientObservation } from "../../src/client/node.ts"
import { createStage } from "./watch.ts"

const say = (seen: ClientObservation): string => {
  if (seen.type === "connecting") return `connecting ${seen.attempt}`
  if (seen.type === "connected") return `connected ${seen.status}`
  if (seen.type === "lost") return "lost"
  const { lifetime, events, error, delay } = seen
  const code = error === undefined ? "ended" : (error as { code: string }).code
  return `disconnected ${lifetime === undefined ? "unopened" : "opened"} ${events} ${code} ${delay === undefined ? "last" : "again"}`
}

test("a client observes each of its connections, also those that its status hides", async (t) => {
  let count = 0
  const { server, clock } = await createStage(t, async (exchange) => {
    count++
    await exchange.head(count === 2 ? 503 : 200, { "content-type": "text/event-stream" })
    if (count === 1) await exchange.write("data: 1\n\nevent: stream.gap\ndata: {}\n\n")
    if (count === 3) await exchange.write("data: 2\n\nevent: stream.end\ndata: {}\n\n")
    await exchange.end()
  })
  const seen: ClientObservation[] = []
  const reading = stream(`${server.url}events?token=secret`, {
    clock,
    observe: (observation) => void seen.push(observation),
  })
  const received: string[] = []
  const read = (async () => {
    for await (const { data } of reading) received.push(data)
  })()
  await clock.pass(60_000)
  await read
  assert.deepEqual(received, ["1", "{}", "2"])
  assert.deepEqual(seen.map(say), [
    "connecting 0",
    "connected 200",
    "lost",
    "disconnected opened 2 stream_ended again",
    "connecting 1",
    "disconnected unopened 0 bad_status again",
    "connecting 2",
    "connected 200",
    "disconnected opened 2 ended last",
  ])
  assert.ok(
    seen.every(({ url }) => url === `${server.url}events`),
    "no query, which can be secret",
  )
})

test("an EventSource tells of its end, and an observer that throws changes nothing", async (t) => {
  const { server, clock } = await createStage(t, async (exchange) => {
    await exchange.head(404, { "content-type": "text/plain" })
    await exchange.end()
  })
  const seen: string[] = []
  t.mock.method(console, "error", () => {})
  const source = new EventSource(server.url, {
    clock,
    observe(observation) {
      seen.push(say(observation))
      throw new Error("broken")
    },
  })
  await clock.pass(1_000)
  assert.equal(source.readyState, EventSource.CLOSED)
  assert.deepEqual(seen, ["connecting 0", "disconnected unopened 0 bad_status last"])
})
