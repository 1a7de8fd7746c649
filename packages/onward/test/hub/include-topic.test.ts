import assert from "node:assert/strict"
import http from "node:http"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { defineEvents } from "../../src/events.ts"
import { EventSource, stream } from "../../src/client/index.ts"
import { createHub } from "../../src/hub/index.ts"
import { sse } from "../../src/node/index.ts"
import { createParser, createSmallParser, encode } from "../../src/protocol/index.ts"
import { stage } from "./stage.ts"

test("a stream with includeTopic tells the topic of each event, live and in its history; others do not", async () => {
  const { connect, publish } = await stage()
  await publish("room/1", "before")
  const plain = await connect({ patterns: ["room/*"] }, "earliest")
  const told = await connect({ patterns: ["room/*"], includeTopic: true }, "earliest")
  await publish("room/2", "after")
  const texts = [plain, told].map(({ frames }) => frames.map(({ text }) => text).join(""))
  assert.equal(texts[0]?.includes("topic:"), false)
  assert.deepEqual(texts[1]?.match(/^topic: .*$/gm), ["topic: room/1", "topic: room/2"])
  assert.deepEqual(plain.data, told.data)
  assert.deepEqual(told.data, ["before", "after"])
})

test("streams of each kind share their bytes", async () => {
  const { connect, publish } = await stage()
  const all = [
    await connect({ topics: ["a"] }),
    await connect({ topics: ["a"] }),
    await connect({ topics: ["a"], includeTopic: true }),
    await connect({ topics: ["a"], includeTopic: true }),
  ]
  await publish("a", "1")
  const last = all.map(({ frames }) => frames.at(-1))
  assert.equal(last[0], last[1])
  assert.equal(last[2], last[3])
  assert.notEqual(last[1], last[2])
})

test("both parsers read the topic of each event, and forget it after the event", () => {
  const text = encode({ topic: "news", id: "1", data: "a" }) + "topic:x\n\n" + encode({ event: "b", data: "b" })
  for (const create of [createParser, createSmallParser]) {
    const seen: unknown[] = []
    const parser = create({ onEvent: (event) => seen.push(event) })
    // at once, and byte by byte
    parser.feed(new TextEncoder().encode(text))
    for (const byte of new TextEncoder().encode(text)) parser.feed(Uint8Array.of(byte))
    const events = [
      { event: "message", data: "a", id: "1", topic: "news" },
      { event: "b", data: "b", id: "1" },
    ]
    assert.deepEqual(seen, [...events, ...events])
  }
  assert.throws(() => encode({ topic: "a\nid: forged", data: "1" }), { code: "invalid_message" })
})

test("stream, EventSource and typed events have the topic", async (t) => {
  const hub = createHub()
  const server = http.createServer((req, res) => {
    sse(req, res, hub.subscribe({ patterns: ["room/*"], includeTopic: true, from: "earliest" }))
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  t.after(async () => {
    await hub.close()
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  await hub.publish({ topic: "room/7", event: "price", data: { amount: 1 } })
  const events = stream(url)
  assert.equal((await events.next()).value?.topic, "room/7")
  events.close()
  const price = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const
  const typed = stream(url, { events: defineEvents({ price }) })
  assert.equal((await typed.next()).value?.topic, "room/7")
  typed.close()
  const source = new EventSource(url)
  const seen = await new Promise<Event>((resolve) => source.addEventListener("price", resolve))
  assert.equal((seen as Event & { topic?: string }).topic, "room/7")
  source.close()
})
