import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { EventSource, stream } from "../../src/client/node.ts"
import type { FaultExchange } from "./fault-exchange.ts"
import { TRANSPORTS } from "./transports.ts"
import { createStage, take, watch } from "./watch.ts"

/** All that are registered and end a request, but those that mean success, and some that nobody knows. */
const STATUSES = [
  ...[201, 202, 203, 205, 206, 207, 208, 226, 299, 300, 301, 302, 303, 304, 305, 307, 308, 399],
  ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423],
  ...[424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 599],
]
const LATER = new Set([408, 425, 429, ...STATUSES.filter((status) => status >= 500)])

const stageOf = (t: TestContext, statusOf: (path: string, count: number) => number) => {
  const counts = new Map<string, number>()
  return createStage(t, async (exchange: FaultExchange) => {
    const { path } = exchange.request
    const count = counts.get(path) ?? 0
    counts.set(path, count + 1)
    await exchange.head(statusOf(path, count), { "content-type": "text/event-stream" })
    await exchange.write("data: hi\n\n")
    await exchange.end()
  })
}

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  test(`any status but 200 ends an EventSource, and its error has the status, over ${transport}`, async (t) => {
    const stage = await stageOf(t, (path) => Number(path.slice(1)))
    const { server, clock } = stage
    const all = STATUSES.map((status) => {
      const source = new EventSource(`${server.url}${status}`, { clock, fetch })
      return { status, source, said: watch(source) }
    })
    await clock.pass(60_000)
    for (const { status, source, said } of all) {
      const how = `status ${status}`
      // what fetch makes of them is not for us to say: a network error, and a second try (Fetch section 4.5)
      if ([407, 421].includes(status) && fetch === globalThis.fetch) {
        source.close()
        continue
      }
      assert.equal(source.readyState, EventSource.CLOSED, how)
      assert.deepEqual(said, { data: [], ids: [], errors: ["bad_status"], statuses: [status], opens: 0 }, how)
      assert.equal(server.requests.filter(({ path }) => path === `/${status}`).length, 1, how)
    }
  })

  test(`a stream retries after 408, 425, 429 and 5xx, and fails with any other status, over ${transport}`, async (t) => {
    const stage = await stageOf(t, (path, count) => (count < 2 ? Number(path.slice(1)) : 200))
    const { server, clock } = stage
    const all = STATUSES.map((status) => ({
      status,
      given: take(stream(`${server.url}${status}`, { clock, fetch, reconnectOnEnd: false })),
    }))
    await clock.pass(60_000)
    for (const { status, given } of all) {
      if ([407, 421].includes(status) && fetch === globalThis.fetch) continue
      const how = `status ${status}`
      const isLater = LATER.has(status)
      const requests = server.requests.filter(({ path }) => path === `/${status}`)
      assert.equal(requests.length, isLater ? 3 : 1, how)
      assert.deepEqual(given.data, isLater ? ["hi"] : [], how)
      assert.equal(given.ending, isLater ? "end" : "bad_status", how)
      if (!isLater) assert.equal(given.status, status, how)
    }
  })

  test(`an EventSource retries after the same statuses if \`retry\` is set, over ${transport}`, async (t) => {
    const stage = await stageOf(t, (path, count) => (count < 2 ? Number(path.slice(1)) : 200))
    const { server, clock } = stage
    for (const status of [408, 425, 429, 500, 503, 599, 404]) {
      const source = new EventSource(`${server.url}${status}`, { clock, fetch, retry: true })
      const said = watch(source)
      await clock.pass(15_000)
      source.close()
      assert.deepEqual(said.data.slice(0, 1), status === 404 ? [] : ["hi"], `status ${status}`)
      assert.deepEqual(said.errors.slice(0, 2), Array.from({ length: status === 404 ? 1 : 2 }).fill("bad_status"))
    }
  })

  test(`204 is the end, at once or later, and not an error, over ${transport}`, async (t) => {
    const stage = await stageOf(t, (path, count) => (path === "/now" || count > 0 ? 204 : 200))
    const { server, clock } = stage
    for (const [path, data] of [
      ["now", []],
      ["later", ["hi"]],
    ] as const) {
      const source = new EventSource(server.url + path, { clock, fetch })
      const said = watch(source)
      await clock.pass(60_000)
      assert.equal(source.readyState, EventSource.CLOSED)
      assert.deepEqual([said.data, said.errors], [data, path === "now" ? ["end"] : ["stream_ended", "end"]])
    }
    for (const path of ["now", "later"]) {
      const given = take(stream(`${server.otherUrl}${path}`, { clock, fetch }))
      await clock.pass(60_000)
      assert.deepEqual([given.data, given.ending], [[], "end"], "the path was asked for before")
    }
    assert.equal(server.requests.length, 5)
  })

  test(`informational responses are skipped, over ${transport}`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      await exchange.raw("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
      await exchange.open()
      await exchange.write("data: hi\n\n")
    })
    const source = new EventSource(stage.server.url, { clock: stage.clock, fetch })
    const said = watch(source)
    await stage.clock.settle()
    source.close()
    assert.deepEqual([said.data, said.opens], [["hi"], 1])
  })

  test(`a response that is not an event stream fails at once, like HTML, over ${transport}`, async (t) => {
    const types = [
      "text/html",
      "",
      "text/plain",
      "application/json",
      "text/event-streamer",
      "x, text/event-stream",
      "none",
    ]
    for (const type of types) {
      const stage = await createStage(t, async (exchange) => {
        await exchange.head(200, type === "none" ? {} : { "content-type": type })
        await exchange.write("<!doctype html>\ndata: no\n\n")
      })
      const { server, clock } = stage
      const source = new EventSource(server.url, { clock, fetch })
      const said = watch(source)
      const given = take(stream(server.url, { clock, fetch }))
      await clock.pass(60_000)
      assert.deepEqual(
        [said.errors, said.opens, source.readyState],
        [["bad_content_type"], 0, EventSource.CLOSED],
        type,
      )
      assert.deepEqual([given.data, given.ending], [[], "bad_content_type"], type)
      assert.equal(server.requests.length, 2, type)
      for (const { closed } of server.requests) await closed
    }
  })

  test(`the content type of an event stream can have any case and any parameters, over ${transport}`, async (t) => {
    for (const type of [
      "Text/Event-Stream",
      "text/event-stream ; a=b",
      " text/event-stream;charset=latin1",
      "text/event-stream;",
    ]) {
      const stage = await createStage(t, async (exchange) => {
        await exchange.head(200, { "content-type": type })
        await exchange.write("data: é\n\n")
      })
      const given = take(stream(stage.server.url, { clock: stage.clock, fetch }))
      await stage.clock.settle()
      assert.deepEqual(given.data, ["é"], type)
    }
  })
}
