import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { sse } from "../../src/adapters/node.ts"
import { stream, type Gap, type StreamEvent, type TypedStreamOptions } from "../../src/client/node.ts"
import { defineEvents } from "../../src/events.ts"
import { createHub } from "../../src/hub/index.ts"
import { note, tick } from "../ground/standard-schema.ts"
import { until } from "./browsers/until.ts"

const events = defineEvents({ tick, note })
type Options = Omit<TypedStreamOptions<typeof events.schemas>, "events">

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <Claim extends true>(claim?: Claim): void => void claim

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** A server of this text, and of the end after it. */
const serveText = (t: TestContext, text: string): Promise<string> =>
  serve(
    t,
    (_, res) => void res.setHeader("content-type", "text/event-stream").end(`${text}event: stream.end\ndata\n\n`),
  )

/** What a client under the contract gets of a text. */
async function read(t: TestContext, text: string, options?: Options): Promise<unknown[]> {
  const all: unknown[] = []
  for await (const { event, data } of stream(await serveText(t, text), { events, ...options })) all.push([event, data])
  return all
}

/** The events of `[name, data]`. */
const text = (...pairs: readonly (readonly [string, string])[]): string =>
  pairs.map(([event, data], index) => `id: ${index + 1}\nevent: ${event}\ndata: ${data}\n\n`).join("")

const GOOD = ["tick", '{"symbol":"ACME","price":12.5}'] as const
const BAD = ["tick", '{"symbol":"ACME","price":"high"}'] as const

test("events published with a contract arrive with its types, and the event's name determines the type of its data", async (t) => {
  const hub = createHub({ events })
  t.after(() => hub.close())
  const url = await serve(t, (req, res) => sse(req, res, hub.subscribe({ topics: ["all"], from: "earliest" })))
  await hub.publish({ topic: "all", event: "tick", data: { symbol: "ACME", price: "12.5" } })
  await hub.publish({ topic: "all", event: "note", data: "two\nlines" })
  const seen: string[] = []
  for await (const arrived of stream(url, { events, validate: true })) {
    if (arrived.event === "tick") {
      holds<Equal<typeof arrived.data, { symbol: string; price: number }>>()
      seen.push(arrived.data.price.toFixed(2))
    } else if (arrived.event === "note") {
      holds<Equal<typeof arrived.data, string>>()
      seen.push(arrived.data.toUpperCase())
    } else {
      holds<Equal<typeof arrived.event, "stream.gap">>()
      holds<Equal<typeof arrived.data, Gap>>()
    }
    holds<Equal<typeof arrived.id, string>>()
    assert.notEqual(arrived.id, "")
    if (seen.length === 2) break
  }
  assert.deepEqual(seen, ["12.50", "TWO\nLINES"])
})

test("the types refuse events and data that are not in the contract", () => {
  const ofEverything = async (): Promise<void> => {
    for await (const arrived of stream("/", { events })) {
      // @ts-expect-error -- an event that is not in the contract
      void (arrived.event === "tock")
      // @ts-expect-error -- not before it is known to be a tick
      void arrived.data.price
      // @ts-expect-error -- data is not text to be parsed any more
      void arrived.json()
    }
    for await (const arrived of stream("/")) {
      holds<Equal<typeof arrived, StreamEvent>>()
      // @ts-expect-error -- without a contract data is text
      void arrived.data.price
    }
    // @ts-expect-error -- checking takes a contract
    stream("/", { validate: true })
    // @ts-expect-error -- no such way
    stream("/", { events, onInvalid: "ignore" })
    // @ts-expect-error -- a contract is what defineEvents makes
    stream("/", { events: { tick, note } })
  }
  void ofEverything
})

test("with validation, data is the output of its schema", async (t) => {
  const published = text(["tick", '{"symbol":"ACME","price":"12.5"}'])
  assert.deepEqual(await read(t, published, { validate: true }), [["tick", { symbol: "ACME", price: 12.5 }]])
})

test("without validation, data is not checked", async (t) => {
  assert.deepEqual(await read(t, text(BAD)), [["tick", { symbol: "ACME", price: "high" }]])
})

test("events that are not in the contract are skipped, also names of inherited properties", async (t) => {
  const others = ["tock", "message", "toString", "__proto__", "stream.custom"].map((name) => [name, "{}"] as const)
  for (const validate of [true, false]) {
    assert.deepEqual(await read(t, text(...others, GOOD), { validate }), [["tick", { symbol: "ACME", price: 12.5 }]])
  }
})

test("with validation, a text that looks like JSON arrives as text", async (t) => {
  const published = text(["note", "42"], ["note", "null"], ["note", '{"a":1}'], ["note", '"quoted"'], ["note", ""])
  assert.deepEqual(await read(t, published, { validate: true }), [
    ["note", "42"],
    ["note", "null"],
    ["note", '{"a":1}'],
    ["note", '"quoted"'],
    ["note", ""],
  ])
})

test("without validation, text stays text too, and data of the wrong shape is delivered", async (t) => {
  const published = text(["note", "42"], ["note", "true"], ["note", '{"a":1}'], ["note", "no JSON"], GOOD, BAD)
  assert.deepEqual(await read(t, published), [
    ["note", "42"],
    ["note", "true"],
    ["note", '{"a":1}'],
    ["note", "no JSON"],
    ["tick", { symbol: "ACME", price: 12.5 }],
    ["tick", { symbol: "ACME", price: "high" }],
  ])
})

test("invalid data ends the stream with an error that says what is wrong", async (t) => {
  let isOpen = false
  const url = await serve(t, (_, res) => {
    isOpen = true
    res.on("close", () => (isOpen = false))
    res.writeHead(200, { "content-type": "text/event-stream" }).write(text(GOOD, BAD, GOOD))
  })
  const states: string[] = []
  const source = stream(url, { events, validate: true, onStatus: ({ state }) => states.push(state) })
  const seen: unknown[] = []
  await assert.rejects(
    async () => {
      for await (const { data } of source) seen.push(data)
    },
    { name: "OnwardError", code: "validation_failed", message: /"tick".*price: must be a number/ },
  )
  assert.deepEqual(seen, [{ symbol: "ACME", price: 12.5 }])
  assert.equal(source.lastEventId, "2", "a later stream carries on after it")
  assert.equal(states.at(-1), "failed")
  assert.deepEqual(await source.next(), { done: true, value: undefined })
  await until("the connection is closed", () => !isOpen)
})

test("invalid data is skipped with the option for it", async (t) => {
  const published = text(BAD, GOOD, ["tick", "no JSON"], GOOD)
  const good = ["tick", { symbol: "ACME", price: 12.5 }]
  assert.deepEqual(await read(t, published, { validate: true, onInvalid: "skip" }), [good, good])
})

test("invalid data is passed unchanged to a function, and the stream continues", async (t) => {
  const refused: unknown[] = []
  const onInvalid = (error: unknown, { event, data, id }: StreamEvent) => refused.push([error, event, data, id])
  const all = await read(t, text(GOOD, BAD, GOOD), { validate: true, onInvalid })
  assert.equal(all.length, 2)
  const [[error, ...event] = []] = refused as unknown[][]
  assert.deepEqual(event, [...BAD, "2"])
  assert.equal((error as { code: string }).code, "validation_failed")
})

test("a function that throws for invalid data ends the stream with its error", async (t) => {
  const thrown = new Error("enough")
  const onInvalid = (): void => {
    throw thrown
  }
  await assert.rejects(read(t, text(BAD, GOOD), { validate: true, onInvalid }), thrown)
})

test("a loss arrives in order as a gap, which no contract needs to name", async (t) => {
  const gap = { reason: "retention", from: "1", to: "5" }
  const published = text(GOOD, ["stream.gap", JSON.stringify(gap)], GOOD)
  const tick = ["tick", { symbol: "ACME", price: 12.5 }]
  assert.deepEqual(await read(t, published, { validate: true }), [tick, ["stream.gap", gap], tick])
  const gaps: Gap[] = []
  assert.deepEqual(await read(t, published, { validate: true, onGap: (gap) => gaps.push(gap) }), [tick, tick])
  assert.deepEqual(gaps, [gap])
})
