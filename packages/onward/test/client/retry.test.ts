import assert from "node:assert/strict"
import { test } from "node:test"
import { stream } from "../../src/client/node.ts"
import { delayOf } from "../../src/client/retry.ts"
import { TRANSPORTS } from "./transports.ts"
import { createStage, take } from "./watch.ts"

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  test(`Retry-After is waited for, in seconds or until a date, and never undercut, over ${transport}`, async (t) => {
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
      const given = take(stream(server.url, { clock, fetch, finite: true }))
      await clock.pass(60_000)
      const [first, second] = server.requests
      const waited = (second?.at ?? NaN) - (first?.at ?? NaN)
      // full jitter on top, at most a second at the first failure
      assert.ok(waited >= least && waited <= least + 2_000, `${waited} ms after "${value}"`)
      assert.equal(given.ending, "end")
    }
  })

  test(`a Retry-After of centuries is no loop, over ${transport}`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      await exchange.head(429, { "retry-after": "99999999999" })
      await exchange.end()
    })
    const events = stream(stage.server.url, { clock: stage.clock, fetch })
    take(events)
    await stage.clock.pass(24 * 3_600_000)
    events.close()
    assert.equal(stage.server.requests.length, 1)
  })

  test(`failures in a row are tried ever more rarely, and an event begins anew, over ${transport}`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      if (exchange.index === 8) {
        await exchange.open()
        await exchange.write("data: hi\n\n")
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
      onStatus: (status) => status.state === "reconnecting" && delays.push(Math.round(status.delay)),
    })
    const given = take(events)
    await clock.pass(60_000)
    const growing = [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]
    assert.deepEqual(delays.slice(0, 9), [...growing, 100])
    assert.deepEqual([given.data, given.ending, given.status], [["hi"], "bad_status", 503])
  })

  test(`without retry the first failure is thrown, whatever it is, over ${transport}`, async (t) => {
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

test("however long a server is away, its clients keep to what it asked for", () => {
  for (const failures of [0, 1, 30, 1_000, 1_024, 1e6]) {
    assert.equal(delayOf({ base: 0 }, failures, 5_000, 0.5), 5_000)
    assert.equal(delayOf({ base: 1_000, max: 30_000 }, failures, 5_000, 0), 5_000)
    assert.ok(delayOf({ max: Infinity }, failures, 0, 0.5) < 2 ** 31)
  }
})
