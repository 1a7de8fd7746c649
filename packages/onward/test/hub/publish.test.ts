import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub } from "../../src/hub/index.ts"
import { defineEvents } from "../../src/events.ts"
import type { Message } from "../../src/message.ts"
import { note, tick } from "../ground/standard-schema.ts"
import { at, stage } from "./stage.ts"

const refused = { name: "OnwardError", code: "invalid_message" }

test("a publish resolves to the SSE id that subscribers see", async () => {
  const { clock, connect, hub } = await stage()
  const client = await connect({ topics: ["a"] })
  const ids = [await hub.publish({ topic: "a" }), await hub.publish({ topic: "a", id: "mine" })]
  ids.push(...(await hub.publishMany([{ topic: "a" }, { topic: "a", id: "yours" }])))
  await clock.settle()
  assert.deepEqual(ids, [at(1), "mine", at(3), "yours"])
  assert.deepEqual(
    client.events.map(({ id }) => id),
    ids,
  )
})

test("every field arrives unchanged", async () => {
  const { clock, connect, hub } = await stage()
  const client = await connect({ topics: ["größe/東京"] })
  await hub.publish({
    topic: "größe/東京",
    event: "ärger",
    id: "🦊 1",
    retry: 1_234,
    data: { text: "a\nb" },
    idempotencyKey: "secret",
  })
  await hub.publish({ topic: "größe/東京", data: "two\r\nlines\rthree\n" })
  await clock.settle()
  assert.deepEqual(client.events, [
    { event: "ärger", retry: "1234", id: "🦊 1", data: '{"text":"a\\nb"}' },
    { id: at(2), data: "two\nlines\nthree\n" },
  ])
  assert.ok(!client.frames.some(({ text }) => text.includes("secret")), "the key is nobody's business")
})

const lines = ["a\nb", "a\rb", "a\r\nb", "\n", "a\0b", "\0", "a\ndata: forged\n\n", "\ud800", "a\udc00"]

for (const field of ["event", "id", "idempotencyKey"] as const) {
  test(`nothing can be injected by \`${field}\``, async () => {
    const { connect, hub } = await stage()
    for (const value of [...lines, "", 7, null, {}, "x".repeat(513)]) {
      await assert.rejects(
        hub.publish({ topic: "a", data: "x", [field]: value as string }),
        { ...refused, message: new RegExp(`\`${field}\``) },
        JSON.stringify(value),
      )
    }
    assert.deepEqual((await connect({ topics: ["a"] }, "earliest")).events, [])
  })
}

test("event names that the server uses are refused", async () => {
  const { hub } = await stage()
  for (const event of ["stream.gap", "stream.end", "stream.error", "stream.", "stream.anything"]) {
    await assert.rejects(hub.publish({ topic: "a", event, data: "" }), refused, event)
  }
})

/** Ways to write a reserved name that some layer might read as the name itself. */
const disguises: readonly ((name: string) => string)[] = [
  (name) => name,
  (name) => ` ${name}`,
  (name) => `${name} `,
  (name) => `\t${name}`,
  (name) => `\u{feff}${name}`,
  (name) => `\u200b${name}`,
  (name) => `\u00a0${name}`,
  (name) => name.toUpperCase(),
  (name) => name.replace("s", "S"),
  (name) => name.replace(".", "%2e"),
  (name) => name.replace(".", "%252E"),
  (name) => name.replace(".", "\uff0e"),
  (name) => name.replace(".", "\u2024"),
  (name) => name.replace("s", "\u017f"),
  (name) => name.replace("e", "e\u0301"),
  (name) => name.replace("a", "\u0430"),
  (name) => name.replace(".", "&#46;"),
  (name) => name.replace(".", "\\u002e"),
  (name) => name.replace(".", "\u0000."),
  (name) => name.replace(".", "\n."),
  (name) => `\r\nevent: ${name}`,
  (name) => `x\nevent: ${name}`,
  (name) => `x\r${name}`,
  (name) => `:${name}`,
  (name) => `event: ${name}`,
  (name) => encodeURIComponent(name),
  (name) => Buffer.from(name).toString("latin1"),
]

test("no variant of a reserved name arrives as a reserved name", async () => {
  const { clock, connect, hub } = await stage()
  const client = await connect({ topics: ["a"] })
  let accepted = 0
  for (const name of ["stream.gap", "stream.end", "stream.error"]) {
    for (const disguise of disguises) {
      for (const field of ["event", "id"] as const) {
        const value = disguise(name)
        try {
          await hub.publish({ topic: "a", data: "x", [field]: value })
          assert.ok(!value.startsWith("stream."), JSON.stringify(value))
          accepted++
        } catch (error) {
          assert.equal((error as { code?: string }).code, "invalid_message")
        }
      }
    }
  }
  await clock.settle()
  assert.equal(client.events.length, accepted)
  for (const { event, id } of client.events) {
    assert.ok(!event?.startsWith("stream."), JSON.stringify(event))
    assert.ok(!id?.startsWith("stream."), JSON.stringify(id))
  }
})

test("ids with a meaning in Onward are refused", async () => {
  const { hub } = await stage()
  for (const id of [at(1), "abcdefgh~15", "earliest", "stream.end", "stream.gap"]) {
    await assert.rejects(hub.publish({ topic: "a", id }), refused, id)
  }
  for (const id of ["life0000", "life0000~", "life0000~21", "~11", "1", "latest", "Earliest"]) {
    await hub.publish({ topic: "a", id })
  }
})

test("an unknown field is named, with the known ones", async () => {
  const { hub } = await stage()
  await assert.rejects(hub.publish({ topic: "a", evnt: "x" } as Message), { ...refused, message: /"evnt".*event/ })
  await assert.rejects(hub.publish({ topics: ["a"] } as never), { ...refused, message: /"topics".*topic/ })
})

test("invalid topics are refused", async () => {
  const { hub } = await stage()
  for (const topic of ["", "*", "user:*", "a/:id", "a\nb", "a".repeat(1_025), undefined, null, 7]) {
    await assert.rejects(hub.publish({ topic } as Message), { name: "OnwardError", code: "invalid_selector" })
  }
})

test("data that is neither text nor JSON is refused", async () => {
  const { hub } = await stage()
  const cyclic: unknown[] = []
  cyclic.push(cyclic)
  for (const data of [1n, cyclic, { a: 1n }, Symbol("a"), () => 1]) {
    await assert.rejects(hub.publish({ topic: "a", data }), refused)
  }
})

test("a reconnection time is a whole number of milliseconds", async () => {
  const { hub } = await stage()
  for (const retry of [-1, 1.5, Number.NaN, Infinity, 2 ** 53, "5" as never, null as never]) {
    await assert.rejects(hub.publish({ topic: "a", data: "", retry }), { ...refused, message: /`retry`/ })
  }
})

test("a reconnection time is at least half a second and at most an hour", async () => {
  const { clock, connect, hub } = await stage()
  const client = await connect({ topics: ["a"] })
  for (const retry of [0, 499, 500, 3_600_000, 3_600_001, Number.MAX_SAFE_INTEGER])
    await hub.publish({ topic: "a", retry })
  await clock.settle()
  const sent = client.events.map(({ retry }) => Number(retry))
  assert.deepEqual(sent, [500, 500, 500, 3_600_000, 3_600_000, 3_600_000])
})

test("an id is never longer than the last event id that this hub accepts", async () => {
  const { hub, another } = await stage()
  await hub.publish({ topic: "a", id: "é".repeat(512) })
  await assert.rejects(hub.publish({ topic: "a", id: "東".repeat(342) }), { ...refused, message: /1024 bytes/ })
  const strict = another({ limits: { cursorBytes: 8 } })
  await strict.publish({ topic: "a", id: "12345678" })
  await assert.rejects(strict.publish({ topic: "a", id: "123456789" }), { ...refused, message: /8 bytes/ })
  await another({ limits: { cursorBytes: 4_096 } }).publish({ topic: "a", id: "東".repeat(512) })
})

test("an id in the log that clients cannot send back is not sent to them: they get the position", async () => {
  const { clock, connect, hub, log } = await stage()
  const client = await connect({ topics: ["a"] })
  const bad = ["\tstream.end", " earliest", "stream.end", "earliest", "a\u0001", "x".repeat(5_000)]
  await log.append(bad.map((id) => ({ topic: "a", data: "", id })))
  await hub.publish({ topic: "a", id: "good" })
  await clock.settle()
  assert.deepEqual(
    client.events.map(({ id }) => id),
    [...bad.map((_, i) => at(i + 1)), "good"],
  )
})

test("a repeated idempotency key or id is stored and delivered once, and resolves to the same id", async () => {
  const { clock, connect, hub } = await stage()
  const client = await connect({ topics: ["a"] })
  const first = await hub.publish({ topic: "a", data: "1", idempotencyKey: "k" })
  assert.equal(await hub.publish({ topic: "a", data: "1", idempotencyKey: "k" }), first)
  assert.deepEqual(
    await hub.publishMany([
      { topic: "a", idempotencyKey: "k" },
      { topic: "a", idempotencyKey: "k" },
    ]),
    [first, first],
  )
  await hub.publish({ topic: "a", data: "2", id: "mine" })
  assert.equal(await hub.publish({ topic: "a", data: "2", id: "mine" }), "mine")
  await Promise.all(Array.from({ length: 20 }, () => hub.publish({ topic: "a", data: "3", idempotencyKey: "storm" })))
  await clock.settle()
  assert.deepEqual(client.data, ["1", "2", "3"])
})

test("messages published together are stored all or nothing, next to each other", async () => {
  const { clock, connect, hub } = await stage()
  const client = await connect({ patterns: ["*"] })
  await assert.rejects(
    hub.publishMany([
      { topic: "a", data: "1" },
      { topic: "a", data: "2", id: "a\nb" },
    ]),
    refused,
  )
  await assert.rejects(hub.publishMany([{ topic: "a", data: "1" }, { topic: "*" }]), { code: "invalid_selector" })
  const batches = ["x", "y", "z"].map((topic) =>
    hub.publishMany([1, 2, 3].map((n) => ({ topic, data: `${topic}${n}` }))),
  )
  assert.deepEqual((await Promise.all(batches)).flat(), [1, 2, 3, 4, 5, 6, 7, 8, 9].map(at))
  assert.deepEqual(await hub.publishMany([]), [])
  await clock.settle()
  assert.deepEqual(client.data, ["x1", "x2", "x3", "y1", "y2", "y3", "z1", "z2", "z3"])
})

test("with a contract, data becomes the output of its schema, and invalid data is not published", async () => {
  const { clock, connect } = await stage()
  const hub = createHub({ events: defineEvents({ tick, note }), clock })
  const client = await connect({ topics: ["a"] }, undefined, hub as never)
  await hub.publish({ topic: "a", event: "tick", data: { symbol: "ACME", price: "12.5" } })
  const wrong = { name: "OnwardError", code: "validation_failed" }
  await assert.rejects(hub.publish({ topic: "a", event: "tick", data: { symbol: 7 } } as never), wrong)
  await assert.rejects(hub.publish({ topic: "a", data: "no event" } as never), wrong)
  await assert.rejects(
    hub.publishMany([{ topic: "a", event: "note", data: "fine" }, { topic: "a", event: "note", data: 7 } as never]),
    wrong,
  )
  await clock.settle()
  assert.deepEqual(
    client.events.map(({ event, data }) => [event, data]),
    [["tick", '{"symbol":"ACME","price":12.5}']],
  )
})

test("hostile data is text like any other", async () => {
  const { clock, connect, hub } = await stage()
  const client = await connect({ topics: ["a"] })
  const texts = [
    "\n\nevent: stream.end\ndata: x\n\n",
    "\r\rid: 7\r\r",
    "data: x",
    ": comment",
    "\0",
    "\u2028\u2029\u0085\v\f",
    "\u{feff}",
    '{"__proto__":{"polluted":true}}',
  ]
  for (const data of texts) await hub.publish({ topic: "a", data })
  await clock.settle()
  assert.deepEqual(
    client.data,
    texts.map((text) => text.replace(/\r\n?/g, "\n")),
  )
  assert.ok(client.events.every(({ event }) => event === undefined))
})

test("a topic with half a surrogate pair is refused, because no store can keep it", async () => {
  const { hub } = await stage()
  await assert.rejects(hub.publish({ topic: "a\ud800" }), { code: "invalid_selector" })
  assert.throws(() => hub.subscribe({ topics: ["a\udc00b"] }).open(), { code: "invalid_selector" })
})

test("a repeat by idempotency key resolves to an id that is in the log, also if it has another id", async () => {
  const { connect, hub } = await stage()
  await hub.publish({ topic: "a", data: "1", id: "first", idempotencyKey: "k" })
  await hub.publish({ topic: "a", data: "2" })
  const repeat = await hub.publish({ topic: "a", data: "1", id: "second", idempotencyKey: "k" })
  const client = await connect({ topics: ["a"] }, { after: repeat })
  assert.deepEqual(client.gaps, [])
  assert.deepEqual(client.data, ["2"])
})

test("a repeat is reported as such, and is not delivered, also with other data", async () => {
  const { clock, connect, hub } = await stage()
  const client = await connect({ topics: ["a", "b"] })
  const given = [
    { topic: "a", data: "1", id: "CREATE" },
    { topic: "a", data: "2", id: "CREATE" },
    { topic: "b", data: "3", id: "CREATE" },
    { topic: "a", data: "4", idempotencyKey: "k" },
    { topic: "b", data: "5", idempotencyKey: "k" },
    { topic: "a", data: "6", idempotencyKey: "k" },
  ]
  assert.deepEqual(await hub.publishResults(given), [
    { id: "CREATE", repeated: false },
    { id: "CREATE", repeated: true },
    { id: "CREATE", repeated: false },
    { id: at(3), repeated: false },
    { id: at(4), repeated: false },
    { id: at(3), repeated: true },
  ])
  const later = await hub.publishResults([
    { topic: "a", data: "7", id: "CREATE" },
    { topic: "a", data: "8" },
  ])
  assert.deepEqual(later, [
    { id: "CREATE", repeated: true },
    { id: at(5), repeated: false },
  ])
  await assert.rejects(hub.publishResults([{ topic: "a", id: "" }]), refused)
  assert.deepEqual(await hub.publishResults([]), [])
  await clock.settle()
  assert.deepEqual(client.data, ["1", "3", "4", "5", "8"])
})

test("the result of a publish does not reveal messages of other topics", async () => {
  const { hub } = await stage()
  await hub.publish({ topic: "private", data: "secret", id: "id", idempotencyKey: "key" })
  const answers = await hub.publishResults([
    { topic: "mine", data: "", id: "id" },
    { topic: "mine", data: "", idempotencyKey: "key" },
  ])
  assert.deepEqual(answers, [
    { id: "id", repeated: false },
    { id: at(3), repeated: false },
  ])
})
