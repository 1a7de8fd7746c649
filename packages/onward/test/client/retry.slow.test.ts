import assert from "node:assert/strict"
import { test } from "node:test"
import { EventSource, stream } from "../../src/client/node.ts"
import { delayOf } from "../../src/client/retry.ts"
import { TRANSPORTS } from "./transports.ts"
import { createStage, take } from "./watch.ts"

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  test(`Retry-After is respected, in seconds or as a date, over ${transport}`, async (t) => {
    for (const [value, least] of [
      ["7", 7_000],
      ["date", 9_000],
      ["0", 0],
      ["-5", 0],
      ["soon", 0],
      ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ] as const) {
      const stage = await createStage(t, async (exchange) => {
        const date = new Date(exchange.now() + 10_000).toUTCString()
        if (exchange.index === 0) await exchange.head(503, { "retry-after": value === "date" ? date : value })
        else await exchange.open()
        await exchange.end()
      })
      const { server, clock } = stage
      const given = take(stream(server.url, { clock, fetch, reconnectOnEnd: false }))
      await clock.pass(60_000)
      const [first, second] = server.requests
      const waited = (second?.at ?? NaN) - (first?.at ?? NaN)
      // full jitter on top, at most a second at the first failure
      assert.ok(waited >= least && waited <= least + 2_000, `${waited} ms after "${value}"`)
      assert.equal(given.ending, "end")
    }
  })

  test(`a Retry-After of centuries does not cause a loop, over ${transport}`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      if (exchange.request.path === "/retry") {
        await exchange.open()
        await exchange.write("retry: 99999999999\ndata: a\n\n")
      } else await exchange.head(429, { "retry-after": "99999999999" })
      await exchange.end()
    })
    const { server, clock } = stage
    for (const path of ["retry", "header"]) {
      const events = stream(server.url + path, { clock, fetch, retry: { base: 0 } })
      take(events)
      await clock.pass(24 * 3_600_000)
      events.close()
      // an hour is the longest wait that a server can ask for
      assert.equal(server.requests.filter((request) => request.path === `/${path}`).length, 25, path)
    }
    const source = new EventSource(`${server.url}retry`, { clock, fetch, maxServerDelay: 60_000 })
    await clock.pass(600_000)
    source.close()
    assert.ok(server.requests.length - 50 >= 9 && server.requests.length - 50 <= 11, `${server.requests.length - 50}`)
  })

  test(`consecutive failures are retried with growing pauses, and a stream that was open starts with a short one, over ${transport}`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      if (exchange.index === 8) {
        await exchange.open()
        await exchange.write("data: hi\n\n")
        await exchange.wait(1_000)
      } else await exchange.head(503)
      await exchange.end()
    })
    const { server, clock } = stage
    const delays: number[] = []
    clock.random = () => 0.999_999
    const events = stream(server.url, {
      clock,
      fetch,
      retry: { base: 100, max: 2_000, attempts: 12 },
      reconnectingAfter: 0,
      onStatus: (status) => status.state === "reconnecting" && delays.push(Math.round(status.delay)),
    })
    const given = take(events)
    await clock.pass(60_000)
    const growing = [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]
    assert.deepEqual(delays.slice(0, 9), [...growing, 100])
    assert.deepEqual([given.data, given.ending, given.status], [["hi"], "bad_status", 503])
  })

  test(`a server that sends an event and ends is requested with growing pauses, unless it waits a second, over ${transport}`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      const [retry = 0, lives = 0] = exchange.request.path.slice(1).split("-").map(Number)
      await exchange.open()
      await exchange.write(`retry: ${retry}\ndata: hi\n\n`)
      await exchange.wait(lives)
      await exchange.end()
    })
    const { server, clock } = stage
    const count = async (path: string, open: (url: string) => { close(): void }): Promise<number> => {
      const before = server.requests.length
      const source = open(server.url + path)
      await clock.pass(120_000)
      source.close()
      return server.requests.length - before
    }
    const openStream = (url: string): { close(): void } => {
      const events = stream(url, { clock, fetch })
      take(events)
      return events
    }
    const openSource = (url: string): { close(): void } => new EventSource(url, { clock, fetch })
    // [retry, time that it lives], and how often at least and at most two minutes see a request
    const cases: [string, number, number][] = [
      ["0-0", 8, 30],
      ["0-500", 8, 30],
      ["0-1000", 60, 121],
      ["1000-0", 60, 121],
      ["3000-0", 28, 41],
    ]
    for (const [path, least, most] of cases) {
      for (const open of [openStream, openSource]) {
        const requests = await count(path, open)
        assert.ok(requests >= least && requests <= most, `${requests} requests after ${path} by ${open.name}`)
      }
    }
  })

  test(`without retry, the first failure of any kind is thrown, over ${transport}`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      if (exchange.request.path === "/503") await exchange.head(503)
      else if (exchange.request.path === "/cut") {
        await exchange.open()
        await exchange.write("data: hi\n\n")
        await exchange.wait(1)
        exchange.reset()
      } else exchange.reset()
    })
    const { server, clock } = stage
    for (const [path, data, ending] of [
      ["503", [], "bad_status"],
      ["cut", ["hi"], "network_error"],
      ["reset", [], "network_error"],
    ] as const) {
      const given = take(stream(server.url + path, { clock, fetch, retry: false }))
      await clock.pass(60_000)
      assert.deepEqual([given.data, given.ending], [data, ending], path)
    }
    assert.equal(server.requests.length, 3)
  })
}

test("clients respect the requested pause for as long as a server is unavailable", () => {
  for (const failures of [0, 1, 30, 1_000, 1_024, 1e6]) {
    assert.equal(delayOf({ base: 0 }, failures, 5_000, 0.5), 5_000)
    assert.equal(delayOf({ base: 1_000, max: 30_000 }, failures, 5_000, 0), 5_000)
    assert.ok(delayOf({ max: Infinity }, failures, 0, 0.5) < 2 ** 31)
  }
})
