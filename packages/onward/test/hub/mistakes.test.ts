import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub, memoryLog, type Log } from "onward"
import { encode } from "onward/protocol"
import { createRuns, text } from "onward/runs"
import { createClock } from "onward/testing"
import { serialize } from "../../src/message.ts"

const invalid = { name: "OnwardError", code: "invalid_message" }

test("data that JSON would lose is refused, at any depth, with its path", async () => {
  await using hub = createHub()
  const lost: [data: unknown, message: RegExp][] = [
    [Promise.resolve(1), /a promise, which JSON cannot hold\. Await it first/],
    [new Map([["a", 1]]), /a Map/],
    [new Set([1]), /a Set/],
    [new Error("secret"), /an Error/],
    [Object.assign(new Error("secret"), { code: "E" }), /an Error/],
    [new Uint8Array([1, 2]), /a Uint8Array/],
    [new Uint8Array(), /a Uint8Array/],
    [Buffer.from("a"), /a Uint8Array/],
    [new ArrayBuffer(1), /an ArrayBuffer/],
    [/a/, /a RegExp/],
    [new Headers(), /a Headers/],
    [Number.NaN, /is or holds NaN/],
    [Number.POSITIVE_INFINITY, /Infinity/],
    [() => {}, /a function/],
    [Symbol("a"), /Symbol\(a\)/],
    [1n, /a BigInt, or refers to itself/],
    [{ toJSON: () => assert.fail("no such price") }, /cannot be turned into JSON: no such price/],
    [{ user: Promise.resolve(1) }, /a promise at `user`/],
    [{ a: [{ b: new Map() }] }, /a Map at `a\.0\.b`/],
    [{ price: Number.NaN }, /NaN at `price`/],
    [[new Error("secret")], /an Error at `0`/],
    [{ bytes: new Uint8Array([1]) }, /a Uint8Array at `bytes`/],
    [{ bytes: Buffer.from("a") }, /a Uint8Array at `bytes`/],
  ]
  for (const [data, message] of lost) {
    await assert.rejects(hub.publish({ topic: "a", data }), { ...invalid, message }, String(message))
    assert.throws(() => encode({ data }), { ...invalid, message })
  }
  assert.equal(hub.stats().window.entries, 0)
})

test("plain data, and data with toJSON, is published as before", () => {
  class Point {
    x = 1
  }
  class Empty {
    readonly #hidden = 1
    get hidden(): number {
      return this.#hidden
    }
  }
  const plain = { empty: {}, list: [], none: null, nothing: undefined, deep: [{}, [null]] }
  for (const data of [plain, new Point(), new Empty(), [new Empty()], null, 0, true, [undefined]]) {
    assert.equal(serialize(data), JSON.stringify(data))
  }
  const day = new Date(0)
  const told = Object.assign(new Error("secret"), { toJSON: () => ({ told: true }) })
  for (const data of [day, { day }, new URL("http://a.example/"), told, { told }, Object(5), Object("a")]) {
    assert.equal(serialize(data), JSON.stringify(data))
  }
})

test("unknown fields are refused, with a suggestion", async () => {
  await using hub = createHub()
  const message = /no field "(?:dta|evnt|iid)"\. Did you mean "(?:data|event|id)"\?/
  for (const field of ["dta", "evnt", "iid"]) {
    await assert.rejects(hub.publish({ topic: "a", [field]: "x" }), { ...invalid, message })
    assert.throws(() => encode({ data: "", [field]: "x" }), { ...invalid, message })
  }
  for (const wrong of ["news", 5, null, undefined]) {
    await assert.rejects(hub.publish(wrong as never), { ...invalid, message: /A message is an object like/ })
  }
  const misspelt = { topic: "a", privat: true } as never
  await assert.rejects(hub.publish(misspelt), { ...invalid, message: /Did you mean "private"\?/ })
  await assert.rejects(hub.publish([{ topic: "a" }] as never), { ...invalid, message: /publishMany takes an array/ })
  await assert.rejects(hub.publish("a" as never, "b" as never), { message: /takes a message like \{ topic, data \}/ })
})

test("events named like those that an EventSource fires itself are refused", async () => {
  await using hub = createHub()
  for (const event of ["error", "open"]) {
    const message = new RegExp(`the on${event} handler of every EventSource`)
    await assert.rejects(hub.publish({ topic: "a", event }), { ...invalid, message })
  }
  for (const event of ["message", "errors", "close"]) await hub.publish({ topic: "a", event })
})

test("an invalid log, contract or format is refused before its first use", () => {
  const wrong = (options: object) => () => createHub(options)
  const mistakes: [call: () => unknown, message: RegExp][] = [
    [
      wrong({ log: "events.db" }),
      /`log` must be a log, not "events\.db"\. Pass for instance sqliteLog\("events\.db"\)/,
    ],
    [
      wrong({ log: "postgres://ada:hunter2@db/x" }),
      /not a URL with credentials\. Pass for instance postgresLog\(pool\)/,
    ],
    [wrong({ log: memoryLog }), /not a function\. Call the function/],
    [wrong({ log: Promise.resolve(memoryLog()) }), /not a promise\. Await the promise/],
    [wrong({ log: createHub() }), /not an object\. Its methods append, read, bounds, locate, watch are missing/],
    [wrong({ log: null }), /not null\. Pass for instance memoryLog\(\)/],
    [wrong({ events: { tick: {} } }), /`events` must be what defineEvents returned/],
    [wrong({ events: null }), /not null/],
    [wrong({ onError: console }), /`onError` must be a function/],
    [wrong({ connections: 5 }), /Did you mean "limits\.connections"\?/],
    [wrong({ window: { maxEntrys: 5 } }), /Did you mean "maxEntries"\?/],
    [wrong({ window: { maxEntries: "5" } }), /`window\.maxEntries` must be a number/],
    [wrong({ presence: { pattern: [] } }), /Did you mean "patterns"\?/],
    [() => createHub(memoryLog() as never), /no option "append"/],
    [() => createRuns({ format: text as never }), /not a function\. Call the function: format: text\(\)/],
    [() => createRuns({} as never), /`format` must be a format, such as text\(\) returns/],
    [() => createRuns({ format: text(), formats: [text as never] }), /Call the function/],
    [() => createRuns({ format: text(), log: "runs.db" as never }), /createRuns: `log` must be a log, not "runs\.db"/],
    [() => createRuns({ format: text(), flush: { intrval: 5 } as never }), /Did you mean "interval"\?/],
    [() => createRuns({ format: text(), hub: {} as never }), /`hub` must be what createHub returned, not an object/],
  ]
  for (const [call, message] of mistakes) assert.throws(call, { name: "TypeError", message }, String(message))
})

/** A log that works until it is broken: then one of its methods is a programming error. */
function breakable(name: "bounds" | "read" | "watch") {
  const inner = memoryLog()
  const state = { isBroken: false, asked: 0, wake: (): void => {} }
  const broken = (): void => {
    if (!state.isBroken) return
    state.asked++
    throw new TypeError("undefined is not a function")
  }
  const log: Log = {
    ...inner,
    async read(query) {
      if (name === "read") broken()
      return inner.read(query)
    },
    async bounds() {
      if (name === "bounds") broken()
      return inner.bounds()
    },
    watch(wake) {
      if (name === "watch") broken()
      state.wake = wake
      return inner.watch(wake)
    },
  }
  return { log, state }
}

test("a log that fails with a programming error is reported once, and not called again", async () => {
  for (const name of ["bounds", "read", "watch"] as const) {
    const clock = createClock()
    const told: unknown[] = []
    const { log, state } = breakable(name)
    state.isBroken = name !== "read"
    await using hub = createHub({ log, clock, onError: (error) => told.push(error) })
    const subscription = hub.subscribe({ topics: ["a"] })
    let isOver = false
    const sink = { owner: undefined, write: () => true, writeText: () => true, close: () => void (isOver = true) }
    subscription.open().start(sink)
    await clock.pass(1_000)
    state.isBroken = true
    if (name === "read") state.wake()
    await clock.pass(1_000)
    assert.ok(isOver, `${name}: its streams have ended`)
    const before = state.asked
    await clock.pass(600_000)
    assert.equal(state.asked, before, name)
    assert.deepEqual(told.map(String), ["TypeError: undefined is not a function"], name)
    assert.throws(() => subscription.open(), { code: "log_unavailable" })
  }
})

test("an invalid run id from a client is refused with its own status, by every method of runs", async () => {
  await using runs = createRuns({ format: text() })
  for (const id of ["", "x".repeat(600), "a*", "a/:b", "a\nb", "a\0", "\ud800"]) {
    await assert.rejects(
      runs.start(id, async function* () {}),
      { code: "invalid_selector", status: 400 },
    )
    assert.deepEqual(await runs.status(id), { status: "unknown" })
    assert.equal(await runs.stop(id), "unknown")
    assert.equal(await runs.delete(id), "unknown")
    const { open, options } = runs.source(id, { location: `/runs/${id}` })
    assert.doesNotThrow(() => new Headers(options.headers), id)
    const context = { lastEventId: undefined, signal: AbortSignal.abort() }
    await assert.rejects(async () => open(context), { code: "run_unknown" })
    const response = await runs.respond(new Request("http://localhost/"), id, { location: `/runs/${id}` })
    assert.equal(response.status, 404)
  }
  for (const id of [undefined, null, 5])
    await assert.rejects(
      runs.start(id as never, async function* () {}),
      TypeError,
    )
  assert.throws(() => runs.source("a", { ownr: "ada" } as never), /Did you mean "owner"\?/)
  await assert.rejects(
    runs.respond(new Request("http://localhost/"), "a", { sse: { header: {} } as never }),
    /Did you mean "headers"\?/,
  )
  assert.throws(() => runs.attach("a", { lastEventid: "1" } as never), /Did you mean "lastEventId"\?/)
  for (const method of ["stop", "delete", "status"] as const) {
    await assert.rejects(runs[method]("a", { owners: "ada" } as never), /Did you mean "owner"\?/)
  }
  await assert.rejects(
    runs.start("a", async function* () {}, "ada" as never),
    /takes an object, not "ada"/,
  )
})
