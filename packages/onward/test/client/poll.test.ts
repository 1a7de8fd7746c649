// Over 400 lines because polls are tested with and without a network, by the same functions.
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, request as ask, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { createHub, type Hub } from "onward"
import {
  EventSource,
  pollingFetch,
  stream,
  type ByteReader,
  type FetchInit,
  type PolledResponse,
  type PollingOptions,
  type StreamStatus,
} from "onward/client"
import { sse } from "onward/node"
import { createClock } from "onward/testing"
import { createExchanges, type Exchange } from "./exchanges.ts"

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A hub's server, and the paths it was asked for. */
async function begin(t: TestContext): Promise<{ hub: Hub; url: string; asked: string[] }> {
  const hub = createHub()
  t.after(() => hub.close())
  const asked: string[] = []
  const url = await serve(t, (req, res) => {
    asked.push(req.url ?? "")
    if (req.url?.startsWith("/gone")) return void res.writeHead(403).end()
    sse(req, res, hub.subscribe({ topics: ["a"], until: ({ data }) => data === "last" }), { retry: 1 })
  })
  return { hub, url, asked }
}

/** A proxy that hands on nothing of a response, not even its head, before it is over; `spoil` may do something to it. */
const holding = (t: TestContext, origin: string, spoil = (body: Buffer): Buffer => body): Promise<string> =>
  serve(t, (req, res) => {
    const forwarded = ask(`${origin}${req.url}`, { method: req.method, headers: req.headers }, (response) => {
      const chunks: Buffer[] = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("end", () => {
        const { "transfer-encoding": _, ...headers } = response.headers
        res.writeHead(response.statusCode ?? 502, headers).end(spoil(Buffer.concat(chunks)))
      })
    })
    forwarded.on("error", () => res.destroy())
    res.on("close", () => forwarded.destroy())
    req.pipe(forwarded)
  })

/** What React Native's `fetch` gives: everything, once it is there, and no body to read from. */
async function wholeFetch(url: string, init: RequestInit): Promise<PolledResponse> {
  const response = await fetch(url, init)
  const text = await response.text()
  return { status: response.status, url: response.url, headers: response.headers, text: async () => text }
}

/** Publishes each text once the one before it has arrived, the first once `isReady`; the last ends the stream. */
async function oneByOne(hub: Hub, events: AsyncIterable<{ readonly data: string }>, isReady = () => true) {
  const texts = ["one", "two\nlines", "three", "last"]
  const got: string[] = []
  const publish = (): unknown => got.length < texts.length && hub.publish({ topic: "a", data: texts[got.length] })
  // a stream that starts live must stand before there is news
  const waiting = setInterval(() => {
    if (hub.stats().live !== 1 || !isReady()) return
    clearInterval(waiting)
    publish()
  }, 2)
  for await (const { data } of events) {
    got.push(data)
    publish()
  }
  clearInterval(waiting)
  assert.deepEqual(got, texts)
}

test("if streams arrive, the client does not poll", async (t) => {
  const { hub, url, asked } = await begin(t)
  await oneByOne(hub, stream(`${url}/events`, { fetch: pollingFetch() }))
  assert.deepEqual(asked, ["/events"])
})

test("behind a proxy that buffers responses, each event arrives before the next is published", async (t) => {
  const { hub, url, asked } = await begin(t)
  const states: StreamStatus["state"][] = []
  const fetch = pollingFetch({ streamTimeout: 50 })
  const options = { fetch, onStatus: ({ state }: StreamStatus) => states.push(state) }
  const proxy = await holding(t, url)
  await oneByOne(hub, stream(`${proxy}/events?x=1#y`, options), () => asked.at(-1)?.includes("poll") === true)
  assert.deepEqual(states, ["connecting", "open", "ended"], "to the client it is one stream")
  assert.deepEqual(new Set(asked.slice(-4)), new Set(["/events?x=1&transport=poll"]))

  // what was learnt holds for the next stream
  asked.length = 0
  await oneByOne(hub, stream(`${proxy}/events`, options))
  assert.ok(asked.every((path) => path === "/events?transport=poll"))
})

test("with a fetch that returns only complete bodies, each event arrives before the next is published", async (t) => {
  const { hub, url, asked } = await begin(t)
  const events = stream(`${url}/events`, { fetch: pollingFetch({ fetch: wholeFetch, streamTimeout: 50 }) })
  await oneByOne(hub, events, () => asked.at(-1)?.includes("poll") === true)
  await oneByOne(hub, stream(`${url}/events`, { fetch: pollingFetch({ fetch: wholeFetch, streamTimeout: 0 }) }))
})

test("responses that a proxy cuts short cost a reconnect, and no event is lost, repeated or merged", async (t) => {
  const { hub, url } = await begin(t)
  let pieces = 0
  const proxy = await holding(t, url, (body) => (++pieces % 3 === 0 ? body.subarray(0, -1 - (pieces % 7)) : body))
  const sent = Array.from({ length: 60 }, (_, i) => `number ${i}`)
  const events = stream(`${proxy}/events`, {
    fetch: pollingFetch({ streamTimeout: 0 }),
    retry: { base: 1 },
    lastEventId: await hub.publish({ topic: "a", data: "before" }),
  })
  const publish = async (): Promise<void> => {
    for (const data of sent) {
      await hub.publish({ topic: "a", data })
      if (data.endsWith("7")) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await hub.publish({ topic: "a", data: "last" })
  }
  const published = publish()
  const got: string[] = []
  for await (const { data } of events) {
    got.push(data)
    // the end that follows it may be cut off
    if (data === "last") break
  }
  await published
  assert.deepEqual(got, [...sent, "last"])
})

test("a quiet stream stays one stream, whose poll responses end with heartbeats", async (t) => {
  const hub = createHub({ heartbeat: 300 })
  t.after(() => hub.close())
  let pieces = 0
  const url = await serve(t, (req, res) => {
    if (++pieces === 3) void hub.publish({ topic: "a", data: "at last" })
    sse(req, res, hub.subscribe({ topics: ["a"] }))
  })
  const states: StreamStatus["state"][] = []
  const fetch = pollingFetch({ streamTimeout: 0 })
  const events = stream(url, { fetch, onStatus: ({ state }) => states.push(state) })
  t.after(() => events.close())
  assert.equal((await events.next()).value?.data, "at last")
  assert.deepEqual(states, ["connecting", "open"])
})

test("a refusal is reported like without polling, at the first poll or later", async (t) => {
  const { hub, url } = await begin(t)
  await assert.rejects(stream(`${url}/gone`, { fetch: pollingFetch({ streamTimeout: 0 }) }).next(), { status: 403 })

  let isGone = false
  const events = stream(`${url}/events`, {
    fetch: pollingFetch({
      streamTimeout: 0,
      fetch: (asked, init) => fetch(isGone ? asked.replace("/events", "/gone") : asked, init),
    }),
    retry: { base: 1 },
    lastEventId: await hub.publish({ topic: "a", data: "before" }),
  })
  await hub.publish({ topic: "a", data: "news" })
  assert.equal((await events.next()).value?.data, "news")
  isGone = true
  await hub.publish({ topic: "a", data: "more" })
  await assert.rejects(
    async () => {
      while (!(await events.next()).done);
    },
    { status: 403 },
  )
})

test("closing aborts the pending poll", async (t) => {
  const { hub, url } = await begin(t)
  const fetch = pollingFetch({ streamTimeout: 0 })
  for (const leave of ["close", "abort"] as const) {
    const controller = new AbortController()
    const events = stream(`${url}/events`, { fetch, signal: controller.signal })
    const next = events.next().catch(() => {})
    while (hub.stats().live === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    if (leave === "close") events.close()
    else controller.abort()
    await next
    while (hub.stats().connections > 0) await new Promise((resolve) => setTimeout(resolve, 2))
  }
})

test("an EventSource polls as well, and a POST is never polled", async (t) => {
  const { hub, url, asked } = await begin(t)
  const proxy = await holding(t, url)
  const source = new EventSource(`${proxy}/events`, { fetch: pollingFetch({ streamTimeout: 50 }) })
  const arrived = new Promise((resolve) => source.addEventListener("message", ({ data }) => resolve(data)))
  while (!asked.includes("/events?transport=poll") || hub.stats().live !== 1)
    await new Promise((resolve) => setTimeout(resolve, 2))
  await hub.publish({ topic: "a", data: "hello" })
  assert.equal(await arrived, "hello")
  source.close()

  asked.length = 0
  const answer = stream(`${url}/events`, { body: {}, fetch: pollingFetch({ streamTimeout: 0 }) })
  const next = answer.next()
  while (!asked.includes("/events")) await new Promise((resolve) => setTimeout(resolve, 2))
  answer.close()
  await next
  assert.deepEqual(
    asked.filter((path) => !path.includes("poll")),
    ["/events"],
  )
})

/** A poll without a network: what `pollingFetch` asks for, and what a reader gets of it. */
async function polled(options: PollingOptions = {}, init: Partial<FetchInit> = {}) {
  const clock = createClock()
  const { fetch, requests } = createExchanges(() => clock.monotonic())
  const ask = pollingFetch({ fetch, clock, ...options })
  const asking = ask("http://localhost/", { headers: { incremental: "?1", accept: "a/b" }, ...init })
  asking.catch(() => {})
  await clock.settle()
  return { clock, requests, ask, asking, last: () => requests.at(-1) as Exchange }
}

const textOf = async (reader: ByteReader): Promise<string | undefined> => {
  const { done, value } = await reader.read()
  return done ? undefined : Buffer.from(value as Uint8Array).toString()
}

test("a response without a byte for the timeout is replaced by a poll", async () => {
  const { clock, requests, asking, last } = await polled()
  last().open()
  await clock.pass(4_999)
  assert.equal(requests.length, 1)
  await clock.pass(1)
  assert.deepEqual(
    requests.map(({ url, init }) => [url, init.headers["incremental"], init.headers["accept"], init.signal?.aborted]),
    [
      ["http://localhost/", "?1", "a/b", true],
      ["http://localhost/?transport=poll", undefined, "a/b", undefined],
    ],
  )
  last().open()
  const reader = (await asking).body?.getReader() as ByteReader
  last().write("id: 1\ndata: a\n\n")
  assert.equal(await textOf(reader), "id: 1\ndata: a\n\n")
  last().end()
  const second = textOf(reader)
  await clock.settle()
  assert.deepEqual([requests.length, last().init.headers["last-event-id"]], [3, "1"])
  last().open()
  last().write("id: é\ndata: b\n\n")
  assert.equal(await second, "id: é\ndata: b\n\n")
  last().end()
  void textOf(reader)
  await clock.settle()
  assert.equal(last().init.headers["last-event-id"], "\u00c3\u00a9")
  assert.equal(clock.timers, 0)
})

test("a response that begins in time is read as it is, with its first bytes", async () => {
  const { clock, requests, asking, last } = await polled()
  last().open(200, { "x-a": "1" })
  await clock.pass(4_999)
  last().write("data: a\n\n")
  const response = await asking
  const reader = response.body?.getReader() as ByteReader
  assert.deepEqual([response.status, response.headers.get("x-a"), clock.timers], [200, "1", 0])
  assert.equal(await textOf(reader), "data: a\n\n")
  await clock.pass(60_000)
  last().write("data: b\n\n")
  assert.equal(await textOf(reader), "data: b\n\n")
  await reader.cancel()
  assert.deepEqual([requests.length, last().isCancelled], [1, true])
})

test("a request is aborted by its own signal, also while it is tried as a stream", async () => {
  const given = new AbortController()
  const { clock, requests, asking, last } = await polled({}, { signal: given.signal })
  const reason = new Error("enough")
  given.abort(reason)
  assert.equal(requests[0]?.init.signal?.reason, reason)
  last().fail()
  await assert.rejects(asking, /reset/)
  assert.deepEqual([requests.length, clock.timers], [1, 0])
})

test("after a poll, streams are tried again after ten minutes, and without a timeout never", async () => {
  const { clock, requests, ask, last } = await polled()
  await clock.pass(5_000)
  last().open()
  await clock.settle()
  for (const [passed, isPoll] of [
    [599_999, true],
    [599_999, true],
    [600_000, false],
  ] as const) {
    await clock.pass(passed)
    void ask("http://localhost/", { headers: {} })
    await clock.settle()
    assert.equal(last().url.includes("transport=poll"), isPoll, String(requests.length))
    last().open()
    last().write(":\n")
    await clock.settle()
  }
  const always = await polled({ streamTimeout: 0 })
  assert.equal(always.last().url, "http://localhost/?transport=poll")
  always.last().open()
  await always.clock.pass(1e9)
  void always.ask("http://localhost/", { headers: {} })
  await always.clock.settle()
  assert.equal(always.last().url, "http://localhost/?transport=poll")
})

test("only a GET is polled, and a refusal is passed on", async () => {
  const post = await polled({ streamTimeout: 0 }, { method: "POST" })
  assert.equal(post.last().url, "http://localhost/")
  const refused = await polled({ streamTimeout: 0 }, { method: "GET" })
  refused.last().open(503)
  assert.equal((await refused.asking).status, 503)
  void refused.ask("http://localhost/", { headers: {} })
  await refused.clock.settle()
  assert.equal(refused.requests.length, 2)
  const stream = await polled()
  stream.last().open(403)
  assert.deepEqual([(await stream.asking).status, stream.requests.length], [403, 1])
})

test("polls end when a response was cut, came without an event too soon, or has no id to resume after", async () => {
  for (const [text, took, headers, goesOn] of [
    ["id: 1\ndata: a\n\n", 0, {}, true],
    ["id: 1\ndata: a\n", 0, {}, false],
    ["data: a\n\n", 300, {}, false],
    [":\n\n", 249, { "last-event-id": "1" }, false],
    [":\n\n", 250, { "last-event-id": "1" }, true],
    ["id: a\u0001\ndata: a\n\n", 300, {}, false],
  ] as const) {
    const { clock, requests, asking, last } = await polled({ streamTimeout: 0 }, { headers })
    last().open()
    const reader = (await asking).body?.getReader() as ByteReader
    await clock.pass(took)
    // in two chunks, which end anywhere
    last().write(text.slice(0, -1))
    await textOf(reader)
    last().write(text.slice(-1))
    await textOf(reader)
    last().end()
    const rest = textOf(reader)
    await clock.settle()
    assert.equal(requests.length, goesOn ? 2 : 1, JSON.stringify(text))
    if (!goesOn) assert.equal(await rest, undefined)
    else {
      // nothing in less than the time of an empty poll
      last().open()
      last().write(":\n\n")
      last().end()
      assert.equal(await rest, ":\n\n")
      assert.equal(await textOf(reader), undefined)
      assert.equal(requests.length, 2)
    }
  }
})

test("a poll that was cancelled sends no other, and a later refusal ends it", async () => {
  for (const how of ["cancelled", "refused"]) {
    const { clock, requests, asking, last } = await polled({ streamTimeout: 0 })
    last().open()
    const reader = (await asking).body?.getReader() as ByteReader
    last().write("id: 1\ndata: a\n\n")
    await textOf(reader)
    if (how === "cancelled") {
      await reader.cancel()
      assert.equal(last().isCancelled, true)
    } else last().end()
    const rest = textOf(reader)
    await clock.settle()
    if (how === "refused") last().open(503)
    assert.equal(await rest, undefined)
    assert.equal(requests.length, how === "cancelled" ? 1 : 2)
  }
})

test("a body that arrives as one text is one chunk", async () => {
  let asked = 0
  const response = {
    status: 200,
    url: "a",
    type: "basic",
    headers: { get: () => null },
    text: async () => "data: a\n\n",
  }
  const fetch = async (): Promise<PolledResponse> => (asked++, response)
  const { url, type, body } = await pollingFetch({ fetch, streamTimeout: 0 })("http://localhost/", { headers: {} })
  const reader = body?.getReader() as ByteReader
  assert.deepEqual(
    [url, type, await textOf(reader), await textOf(reader), asked],
    ["a", "basic", "data: a\n\n", undefined, 1],
  )
  await reader.cancel()
})
