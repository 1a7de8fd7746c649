import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { EventSource, stream, type StreamOptions, type StreamStatus } from "../../src/client/index.ts"
import { nextTyped, type TypedOptions } from "../../src/client/received.ts"
import { defineEvents, type EventSchemas } from "../../src/events.ts"
import { tick } from "../ground/standard-schema.ts"
import { createClock } from "../../src/testing/index.ts"
import { createExchanges, type Exchange } from "./exchanges.ts"

/** A stream without a network, whose retries have no delay. */
function begin(options: StreamOptions = {}) {
  const clock = createClock()
  clock.random = () => 0
  const { fetch, requests } = createExchanges(() => clock.monotonic())
  const statuses: StreamStatus[] = []
  const events = stream("http://localhost/", { clock, fetch, onStatus: (status) => statuses.push(status), ...options })
  const got: string[] = []
  let ending: unknown
  const last = (): Exchange => requests.at(-1) as Exchange
  return {
    clock,
    events,
    requests,
    got,
    last,
    ending: () => ending,
    /** What became of the status since the last look, with how it looks. */
    look: () => statuses.splice(0).map(({ state }) => state),
    /** Reads all that comes. */
    async read() {
      void (async () => {
        for await (const { data } of events) got.push(data)
      })().then(
        () => (ending = "end"),
        (error: unknown) => (ending = error),
      )
      await clock.settle()
    },
    async open(text = "") {
      await clock.settle()
      last().open()
      if (text !== "") last().write(text)
      await clock.settle()
    },
    async refuse(status: number) {
      await clock.settle()
      last().open(status)
      await clock.settle()
    },
    async fail() {
      last().fail()
      await clock.settle()
    },
  }
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code

test("a status is told at once, except that of a short reconnect", async () => {
  const { clock, events, requests, read, open, fail, refuse, look } = begin()
  assert.equal(events.status.state, "idle")
  await read()
  await refuse(503)
  await clock.pass(0)
  assert.deepEqual(look(), ["connecting", "reconnecting", "connecting"])
  await open("id: 1\ndata: a\n\n")
  assert.deepEqual([look(), events.status.state], [["open"], "open"])
  await fail()
  await clock.pass(999)
  assert.deepEqual([look(), events.status.state, requests.length], [[], "open", 3])
  await clock.pass(1)
  assert.deepEqual(look(), ["connecting"])
  await open()
  await fail()
  await clock.pass(500)
  await open()
  await clock.pass(60_000)
  assert.deepEqual(look(), ["open", "open"])
  events.close()
  assert.deepEqual([look(), events.status.state], [["ended"], "ended"])
  events.close()
  assert.deepEqual(look(), [])
  const prompt = begin({ reconnectingAfter: 0 })
  await prompt.read()
  await prompt.open()
  await prompt.fail()
  await prompt.clock.pass(0)
  assert.deepEqual(prompt.look(), ["connecting", "open", "reconnecting", "connecting"])
  prompt.events.close()
})

test("without retries the first failure is thrown, and a response that ends is the end", async () => {
  const refused = begin({ retry: false })
  await refused.read()
  await refused.refuse(503)
  await refused.clock.pass(60_000)
  assert.deepEqual([refused.requests.length, codeOf(refused.ending())], [1, "bad_status"])
  assert.deepEqual(refused.look(), ["connecting", "failed"])
  for (const options of [{ retry: false }, { reconnectOnEnd: false }] as const) {
    const ended = begin(options)
    await ended.read()
    await ended.open("data: a\n\n")
    ended.last().end()
    await ended.clock.pass(0)
    assert.deepEqual([ended.requests.length, ended.ending(), ended.got], [1, "end", ["a"]])
  }
  const { requests, read, open, fail, clock, events } = begin({ retry: true, reconnectOnEnd: true })
  await read()
  await open()
  await fail()
  await clock.pass(0)
  assert.equal(requests.length, 2)
  events.close()
})

test("a request is resumed at another URL by GET, or not at all", async () => {
  for (const [resume, url] of [
    ["/runs/1", "http://localhost/runs/1"],
    [(_: unknown, id: string) => `/runs/2?after=${id}`, "http://localhost/runs/2?after=7"],
  ] as const) {
    const { clock, requests, read, open, fail, events } = begin({ resume, body: { a: 1 } })
    await read()
    await open("id: 7\ndata: a\n\n")
    await fail()
    await clock.pass(0)
    assert.deepEqual([requests[1]?.url, requests[1]?.init.method], [url, "GET"])
    events.close()
  }
  const { read, open, fail, ending, requests } = begin({ body: { a: 1 } })
  await read()
  await open("data: a\n\n")
  await fail()
  assert.deepEqual([requests.length, codeOf(ending())], [1, "not_repeatable"])
})

test("a head is awaited for a minute", async () => {
  const { clock, requests, read, events } = begin()
  await read()
  await clock.pass(59_999)
  assert.equal(requests.length, 1)
  await clock.pass(1)
  assert.equal(requests.length, 2)
  events.close()
})

test("a stream ends at a text that is not delivered, or after an event that is", async () => {
  for (const [until, expected] of [
    ["b", ["a"]],
    [({ data }: { data: string }) => data === "b", ["a", "b"]],
    [undefined, ["a", "b", "c"]],
  ] as const) {
    const { read, open, got, ending, last } = begin(until === undefined ? {} : { until })
    await read()
    await open("data: a\n\ndata: b\n\ndata: c\n\nevent: stream.end\ndata: {}\n\ndata: d\n\n")
    assert.deepEqual([got, ending(), last().isCancelled], [expected, "end", true])
  }
})

test("a loss is passed to its function, or delivered; an error of the source is a failure", async () => {
  const text = 'event: stream.gap\nid: 1\ndata: {"reason":"trimmed","from":"1","to":"2"}\n\n'
  const gaps: unknown[] = []
  for (const onGap of [(gap: unknown): unknown => gaps.push(gap), undefined]) {
    const { read, open, got, events } = begin(onGap ? { onGap } : {})
    await read()
    await open(text)
    assert.equal(got.length, onGap ? 0 : 1)
    events.close()
  }
  assert.deepEqual(gaps, [{ reason: "trimmed", from: "1", to: "2" }])
  const { read, open, got, requests, clock, events, look } = begin({ reconnectingAfter: 0 })
  await read()
  await open("event: stream.error\ndata: {}\n\n")
  await clock.pass(0)
  assert.deepEqual([got, requests.length, look()], [[], 2, ["connecting", "open", "reconnecting", "connecting"]])
  events.close()
})

test("the last id is that of the last delivered event, or of a checkpoint when all are delivered", async () => {
  const { open, events, clock, last } = begin({ lastEventId: "0" })
  assert.equal(events.lastEventId, "0")
  const first = events.next()
  await open("id: 1\ndata: a\n\nid: 2\ndata: b\n\nevent: stream.checkpoint\nid: 3\ndata: {}\n\n")
  assert.equal((await first).value?.data, "a")
  assert.equal(events.lastEventId, "1")
  assert.equal((await events.next()).value?.data, "b")
  assert.equal(events.lastEventId, "3")
  void events.next()
  last().write("event: stream.checkpoint\nid: 4\ndata: {}\n\n")
  await clock.settle()
  assert.equal(events.lastEventId, "4")
  await events.return()
  assert.equal(events.lastEventId, "4")
  const dropped = begin()
  void dropped.events.next()
  await dropped.open("id: 1\ndata: a\n\nid: 2\ndata: b\n\n")
  dropped.events.close()
  assert.equal(dropped.events.lastEventId, "1", "the second was never delivered")
  assert.deepEqual(await dropped.events.next(), { done: true, value: undefined })
})

/** A page: it can be hidden, stored and shown again. */
function inPage(t: TestContext) {
  const document = Object.assign(new EventTarget(), { hidden: false, baseURI: "http://localhost/" })
  const self = new EventTarget()
  Object.assign(globalThis, { document, self })
  t.after(() => {
    for (const name of ["document", "self"]) Reflect.deleteProperty(globalThis, name)
  })
  return {
    hide(hidden: boolean) {
      document.hidden = hidden
      document.dispatchEvent(new Event("visibilitychange"))
    },
    tell: (type: "freeze" | "resume") => document.dispatchEvent(new Event(type)),
    tellSelf: (type: "pagehide" | "pageshow" | "online") => self.dispatchEvent(new Event(type)),
  }
}

test("a page that is hidden for half a minute pauses its stream until it is shown, or ends it, or keeps it", async (t) => {
  const { hide } = inPage(t)
  const pausing = begin({ whenHidden: "pause" })
  await pausing.read()
  await pausing.open("id: 7\ndata: a\n\n")
  hide(true)
  await pausing.clock.pass(29_999)
  hide(false)
  await pausing.clock.pass(60_000)
  assert.equal(pausing.last().isCancelled, false)
  hide(true)
  await pausing.clock.pass(30_000)
  assert.deepEqual([pausing.last().isCancelled, pausing.events.status.state], [true, "paused"])
  pausing.events.reconnect()
  await pausing.clock.pass(60_000)
  assert.equal(pausing.requests.length, 1)
  hide(false)
  await pausing.open("data: b\n\n")
  assert.equal(pausing.last().init.headers["last-event-id"], "7")
  assert.deepEqual([pausing.got, pausing.requests.length], [["a", "b"], 2])
  pausing.events.close()
  const closing = begin({ whenHidden: "close", hiddenAfter: 10 })
  await closing.read()
  await closing.open()
  hide(true)
  await closing.clock.pass(10)
  assert.equal(closing.ending(), "end")
  const keeping = begin()
  await keeping.read()
  await keeping.open()
  await keeping.clock.pass(60_000)
  assert.equal(keeping.last().isCancelled, false)
  keeping.events.close()
  assert.equal(keeping.clock.timers, 0)
  hide(false)
})

test("a stored page gives its connection back, and connects again when it is shown", async (t) => {
  const { tell, tellSelf } = inPage(t)
  for (const [away, back] of [
    [() => tell("freeze"), () => tell("resume")],
    [() => tellSelf("pagehide"), () => tellSelf("pageshow")],
  ] as const) {
    const { read, open, requests, clock, events } = begin()
    await read()
    await open()
    back()
    await clock.settle()
    assert.equal(requests.length, 1)
    away()
    assert.deepEqual([requests[0]?.isCancelled, events.status.state], [true, "paused"])
    back()
    await clock.settle()
    assert.equal(requests.length, 2)
    events.close()
  }
  const kept = begin({ body: "x" })
  await kept.read()
  await kept.open("data: a\n\n")
  tell("freeze")
  assert.equal(kept.requests[0]?.isCancelled, false, "it cannot be sent twice")
  kept.requests[0]?.write("id: 1\ndata: b\n\n")
  await kept.clock.settle()
  tell("resume")
  await kept.clock.pass(0)
  assert.equal(kept.requests.length, 2, "its connection was probably lost")
  tellSelf("online")
  await kept.clock.pass(0)
  assert.equal(kept.requests.length, 3)
  kept.events.close()
  tellSelf("online")
  tell("resume")
  await kept.clock.pass(0)
  assert.equal(kept.requests.length, 3)
})

test("a stream is started once, and an aborted signal starts none", async () => {
  const { events, requests, clock } = begin()
  const waiting = [events.next(), events.next()]
  await clock.settle()
  assert.equal(requests.length, 1)
  events.close()
  assert.deepEqual(
    (await Promise.all(waiting)).map(({ done }) => done),
    [true, true],
  )
  const reason = new Error("enough")
  const aborted = begin({ signal: AbortSignal.abort(reason) })
  await assert.rejects(aborted.events.next(), reason)
  assert.deepEqual([aborted.requests.length, aborted.events.status.state], [0, "failed"])
})

test("JSON, contracts and topics are read from an event", async () => {
  const events = stream("http://localhost/", {
    fetch: async () =>
      new Response('id: 1\ndata: {"a":1}\n\ntopic: t\ndata: no JSON\n\nevent: stream.end\ndata: {}\n\n', {
        headers: { "content-type": "text/event-stream" },
      }),
  })
  const first = (await events.next()).value
  assert.deepEqual([first?.json(), first?.topic, "topic" in (first ?? {})], [{ a: 1 }, undefined, false])
  const second = (await events.next()).value
  assert.equal(second?.topic, "t")
  assert.throws(() => second?.json(), { code: "validation_failed", status: 0, message: /"message" is not JSON/ })

  const queue = [
    { event: "stream.gap", data: "{}", id: "1", json: () => ({ reason: "trimmed" }) },
    { event: "other", data: "{}", id: "2" },
    { event: "tick", data: '{"symbol":"A","price":1}', id: "3", topic: "t" },
    { event: "tick", data: '{"symbol":"A","price":1}', id: "4" },
  ] as never[]
  const next = async () => ({ done: false as const, value: queue.shift() as never })
  const contract = { events: defineEvents({ tick }) } as unknown as TypedOptions<EventSchemas>
  const data = { symbol: "A", price: 1 }
  assert.deepEqual(
    [await nextTyped(next, contract), await nextTyped(next, contract), await nextTyped(next, contract)],
    [
      { done: false, value: { event: "stream.gap", data: { reason: "trimmed" }, id: "1" } },
      { done: false, value: { event: "tick", data, id: "3", topic: "t" } },
      { done: false, value: { event: "tick", data, id: "4" } },
    ],
  )
})

test("events of an EventSource have a topic if the server sends one, the origin of the response, and a delay", async () => {
  const clock = createClock()
  clock.random = () => 0
  const { fetch, requests } = createExchanges(() => clock.monotonic())
  const source = new EventSource("http://localhost/", { clock, fetch })
  const seen: unknown[] = []
  source.addEventListener("message", (event) =>
    seen.push([event.data, event.lastEventId, event.origin, "topic" in event && event.topic]),
  )
  source.addEventListener("stream.checkpoint", ({ lastEventId }) => seen.push(lastEventId))
  await clock.settle()
  assert.deepEqual(
    [source.readyState, source.reconnectionTime, requests[0]?.init.credentials],
    [0, 3_000, "same-origin"],
  )
  requests[0]?.open()
  requests[0]?.write("id: 1\ntopic: t\ndata: a\n\ndata: b\n\nevent: stream.checkpoint\nid: 2\ndata: {}\n\n")
  await clock.settle()
  assert.deepEqual(seen, [["a", "1", "http://localhost", "t"], ["b", "1", "http://localhost", false], "2"])
  requests[0]?.end()
  await clock.pass(2_999)
  assert.deepEqual([source.readyState, source.lastEventId, requests.length], [0, "2", 1])
  await clock.pass(1)
  assert.equal(requests.length, 2)
  source.close()
  assert.equal(source.readyState, 2)
  const withCookies = new EventSource("http://localhost/", { clock, fetch, withCredentials: true })
  await clock.settle()
  assert.deepEqual([withCookies.withCredentials, requests[2]?.init.credentials], [true, "include"])
  withCookies.close()
  assert.equal(new EventSource("http://localhost/", { clock, fetch, signal: AbortSignal.abort() }).readyState, 2)
  await clock.settle()
  assert.equal(requests.length, 3)
})
