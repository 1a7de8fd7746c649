import assert from "node:assert/strict"
import { test } from "node:test"
import { nodeFetch } from "../../src/client/node-fetch.ts"
import { EventSource, stream, type FetchLike } from "../../src/client/node.ts"
import type { FaultExchange } from "./fault-exchange.ts"
import { serveFaults } from "./fault-server.ts"
import { play } from "./script.ts"
import { TRANSPORTS } from "./transports.ts"
import { createStage, take, watch } from "./watch.ts"

const head = { status: 200, headers: { "content-type": "text/event-stream" } }
const TWO = "retry: 1000\nid: 1\ndata: 1\n\nid: 2\ndata: 2\n\n"

/** A server for each phase a client can be in, and how long to wait for it, in ms. */
const PHASES: Record<string, { answer: (exchange: FaultExchange) => void | Promise<void>; after: number }> = {
  "before the head": { answer: () => {}, after: 10 },
  "before the first event": { answer: play([{ ...head, body: [":\n"] }]), after: 10 },
  "between events": { answer: play([{ ...head, body: [TWO] }]), after: 10 },
  "inside an event": { answer: play([{ ...head, body: [TWO, "data: ha"] }]), after: 10 },
  "before the next attempt": { answer: play([{ ...head, body: [TWO, { do: "END" }] }]), after: 10 },
  "before the next attempt after an error": { answer: play([{ status: 503, body: [{ do: "END" }] }]), after: 10 },
  "while the second head is awaited": {
    answer: async (exchange) => {
      if (exchange.index === 0) await play([{ ...head, body: [TWO, { do: "END" }] }])(exchange)
    },
    after: 5_000,
  },
}

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  for (const [phase, { answer, after }] of Object.entries(PHASES)) {
    test(`after close ${phase} there is no event, no request and no connection, over ${transport}`, async (t) => {
      const stage = await createStage(t, answer)
      const { server, clock } = stage
      const source = new EventSource(server.url, { clock, fetch, retry: true })
      const said = watch(source)
      await clock.pass(after)
      source.close()
      const before = structuredClone(said)
      const requests = server.requests.length
      await clock.pass(60_000)
      assert.deepEqual(said, before)
      assert.equal(source.readyState, EventSource.CLOSED)
      assert.equal(server.requests.length, requests)
      if (!phase.includes("next attempt")) await server.requests.at(-1)?.closed
      assert.equal(clock.timers, 0)
    })

    test(`a signal ${phase} closes an EventSource the same way, over ${transport}`, async (t) => {
      const stage = await createStage(t, answer)
      const { server, clock } = stage
      const aborting = new AbortController()
      const source = new EventSource(server.url, { clock, fetch, retry: true, signal: aborting.signal })
      const said = watch(source)
      await clock.pass(after)
      aborting.abort()
      const before = structuredClone(said)
      await clock.pass(60_000)
      assert.deepEqual([said, source.readyState], [before, EventSource.CLOSED])
      if (!phase.includes("next attempt")) await server.requests.at(-1)?.closed
    })

    test(`a signal ${phase} makes a stream reject with its reason, over ${transport}`, async (t) => {
      const stage = await createStage(t, answer)
      const { server, clock } = stage
      const aborting = new AbortController()
      const events = stream(server.url, { clock, fetch, signal: aborting.signal })
      const given = take(events)
      await clock.pass(after)
      const reason = new Error("mine")
      aborting.abort(reason)
      const requests = server.requests.length
      await clock.pass(60_000)
      assert.equal(given.ending, reason)
      assert.equal(events.status.state, "failed")
      assert.equal(server.requests.length, requests)
      if (!phase.includes("next attempt")) await server.requests.at(-1)?.closed
      assert.equal(clock.timers, 0)
    })

    test(`close ${phase} ends the loop over a stream, over ${transport}`, async (t) => {
      const stage = await createStage(t, answer)
      const { server, clock } = stage
      const events = stream(server.url, { clock, fetch })
      const given = take(events)
      await clock.pass(after)
      events.close()
      const taken = given.data.length
      await clock.pass(60_000)
      assert.deepEqual([given.ending, events.status.state], ["end", "ended"])
      // one may have been handed out already
      assert.ok(given.data.length <= taken + 1)
      if (!phase.includes("next attempt")) await server.requests.at(-1)?.closed
      assert.equal(clock.timers, 0)
    })
  }

  test(`close in any handler is the end, also of events in the same chunk, over ${transport}`, async (t) => {
    for (const [type, expected] of [
      ["open", { data: [], errors: [], opens: 1 }],
      ["message", { data: ["1"], errors: [], opens: 1 }],
      ["error", { data: ["1", "2"], errors: ["stream_ended"], opens: 1 }],
    ] as const) {
      const stage = await createStage(t, play([{ ...head, body: [TWO, { do: "END" }] }]))
      const { server, clock } = stage
      const source = new EventSource(server.url, { clock, fetch })
      const said = watch(source)
      source.addEventListener(type, () => source.close())
      await clock.pass(60_000)
      const { data, errors, opens } = said
      assert.deepEqual({ data, errors, opens }, expected, type)
      assert.equal(server.requests.length, 1)
      assert.equal(clock.timers, 0)
    }
  })

  test(`close inside headers, body, onStatus, until or resume takes effect, over ${transport}`, async (t) => {
    const closers: Record<string, (close: () => void) => object> = {
      headers: (close) => ({ headers: () => (close(), {}) }),
      body: (close) => ({ body: () => (close(), "") }),
      onStatus: (close) => ({ onStatus: () => close() }),
      until: (close) => ({ until: () => (close(), false) }),
      resume: (close) => ({ resume: () => (close(), "/") }),
    }
    for (const [name, optionsOf] of Object.entries(closers)) {
      const stage = await createStage(t, play([{ ...head, body: [TWO, { do: "END" }] }]))
      const { server, clock } = stage
      const events = stream(server.url, { clock, fetch, ...optionsOf(() => events.close()) })
      const given = take(events)
      await clock.pass(60_000)
      assert.equal(given.ending, "end", name)
      assert.ok(server.requests.length <= 1, name)
    }
  })

  test(`close during a flood of events stops them at once, over ${transport}`, async (t) => {
    const server = await serveFaults(t, play([{ ...head, flood: 1e9 }]))
    const source = new EventSource(server.url, { fetch })
    const { data } = watch(source)
    await new Promise<void>((resolve) => {
      source.addEventListener("message", () => {
        if (data.length === 5_000) source.close()
        if (data.length >= 5_000) resolve()
      })
    })
    await (
      await server.request(0)
    ).closed
    assert.equal(data.length, 5_000)
  })

  test(`leaving the loop in any way closes the connection, over ${transport}`, async (t) => {
    const server = await serveFaults(t, play([{ ...head, flood: 1e9 }]))
    for await (const { data } of stream(server.url, { fetch })) if (data === "5") break
    await (
      await server.request(0)
    ).closed
    const loop = async (): Promise<void> => {
      for await (const { data } of stream(server.url, { fetch })) if (data === "5") throw new Error("mine")
    }
    await assert.rejects(loop(), { message: "mine" })
    await (
      await server.request(1)
    ).closed
    // as at the end of a block with `await using`, which Node 22 does not know
    const events = stream(server.url, { fetch })
    await events.next()
    await events[Symbol.asyncDispose]()
    await (
      await server.request(2)
    ).closed
    assert.equal(server.requests.length, 3)
  })

  test(`a signal that is already aborted prevents the request, over ${transport}`, async (t) => {
    const stage = await createStage(t, play([{ ...head, body: [TWO] }]))
    const { server, clock } = stage
    const signal = AbortSignal.abort(new Error("mine"))
    const source = new EventSource(server.url, { clock, fetch, signal })
    const said = watch(source)
    await assert.rejects(stream(server.url, { clock, fetch, signal }).next(), { message: "mine" })
    await clock.pass(1_000)
    assert.deepEqual([source.readyState, said.opens, server.requests.length], [EventSource.CLOSED, 0, 0])
  })
}

test("with a fetch that ignores signals there is no request after close, and a late response is cancelled", async (t) => {
  const stage = await createStage(t, async (exchange) => {
    await exchange.wait(1_000)
    await exchange.head(exchange.request.path === "/404" ? 404 : 200, { "content-type": "text/event-stream" })
    await exchange.write(TWO)
  })
  const { server, clock } = stage
  const deaf: FetchLike = (url, init) => nodeFetch(url, { ...init, signal: new AbortController().signal })
  const asked: string[] = []
  const noting: FetchLike = (url, init) => {
    asked.push(url)
    return deaf(url, init)
  }
  for (const closing of [
    (close: () => void) => ({ headers: async () => (close(), {}) }),
    (close: () => void) => ({ onStatus: () => close() }),
  ]) {
    const events = stream(server.url, { clock, fetch: noting, ...closing(() => events.close()) })
    assert.equal((await events.next()).done, true)
  }
  assert.deepEqual(asked, [])

  const events = stream(server.url, { clock, fetch: deaf })
  const given = take(events)
  await clock.pass(500)
  events.close()
  await clock.pass(1_000)
  await server.requests[0]?.closed
  assert.deepEqual([given.data, given.ending, clock.timers], [[], "end", 0])
  // what is no stream is not read, but not left either
  const refused = take(stream(`${server.url}404`, { clock, fetch: deaf }))
  await clock.pass(1_000)
  await server.requests[1]?.closed
  assert.equal(refused.ending, "bad_status")
})
