import assert from "node:assert/strict"
import { test } from "node:test"
import { EventSource, stream, type FetchLike } from "../../src/client/node.ts"
import { pollingFetch } from "../../src/client/poll.ts"
import { TRANSPORTS } from "./transports.ts"
import { createStage, take, watch } from "./watch.ts"

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  /** A proxy that reads whole responses and says so, before a hub: each piece ends with one event. */
  const stageOf = (t: Parameters<typeof createStage>[0]) =>
    createStage(t, async (exchange) => {
      const { headers, path } = exchange.request
      if (headers["incremental"] !== undefined || !path.includes("transport=poll")) {
        await exchange.head(501, { "proxy-status": 'edge; error=incremental_refused; details="virus scanner"' })
        return exchange.end()
      }
      const n = Number(headers["last-event-id"] ?? 0) + 1
      await exchange.open()
      await exchange.write(": heartbeat 15000\n\n")
      await exchange.wait(300)
      await exchange.write(n > 3 ? "event: stream.end\nid: 4\ndata:\n\n" : `retry: 1000\nid: ${n}\ndata: ${n}\n\n`)
      await exchange.end()
    })

  test(`a stream that a proxy refuses to stream is received by long polling, over ${transport}`, async (t) => {
    const { server, clock } = await stageOf(t)
    const given = take(stream(`${server.url}events?topic=a#x`, { clock, fetch }))
    await clock.pass(60_000)
    assert.deepEqual([given.data, given.ending], [["1", "2", "3"], "end"])
    assert.deepEqual(
      server.requests.map(({ path, headers }) => [path, headers["incremental"]]),
      [["/events?topic=a", "?1"], ...Array.from({ length: 4 }, () => ["/events?topic=a&transport=poll", undefined])],
    )
    const times = server.requests.map(({ at }) => at)
    assert.equal(times[1], times[0], "it asks at once")
    assert.ok((times.at(-1) as number) - (times[0] as number) < 10_000, "and does not back off from pieces")
  })

  test(`an EventSource continues by long polling too, over ${transport}`, async (t) => {
    const { server, clock } = await stageOf(t)
    const source = new EventSource(server.url, { clock, fetch })
    const said = watch(source)
    await clock.pass(5_000)
    source.close()
    assert.deepEqual(said.data, ["1", "2", "3"])
  })

  test(`pollingFetch polls at once when a proxy refuses, over ${transport}`, async (t) => {
    const { server, clock } = await stageOf(t)
    const polling = pollingFetch({ clock, fetch })
    const given = take(stream(server.url, { clock, fetch: polling }))
    await clock.pass(2_000)
    assert.deepEqual([given.data, given.ending], [["1", "2", "3"], "end"])
    assert.equal(server.requests.length, 5)
  })

  test(`a refused POST fails like any refusal, over ${transport}`, async (t) => {
    const { server, clock } = await stageOf(t)
    const given = take(stream(server.url, { clock, fetch, body: "x" }))
    await clock.pass(60_000)
    assert.deepEqual([given.ending, server.requests.length], ["not_repeatable", 1])
  })
}

test("requests ask proxies not to buffer, unless that is switched off or they go to another origin", async (t) => {
  const sent: (string | undefined)[] = []
  const fetch: FetchLike = (_, init) => {
    sent.push(init.headers["incremental"])
    return Promise.resolve(
      new Response("event: stream.end\ndata:\n\n", { headers: { "content-type": "text/event-stream" } }),
    )
  }
  const ask = async (url: string, options: { incremental?: boolean } = {}): Promise<void> => {
    for await (const _ of stream(url, { fetch, ...options }));
  }
  await ask("http://a.example/")
  await ask("http://a.example/", { incremental: false })
  Object.assign(globalThis, { location: new URL("http://a.example/page") })
  t.after(() => delete (globalThis as { location?: unknown }).location)
  await ask("/events")
  await ask("http://a.example:80/events")
  await ask("http://b.example/events")
  await ask("https://a.example/events")
  assert.deepEqual(sent, ["?1", undefined, "?1", "?1", undefined, undefined])
})
