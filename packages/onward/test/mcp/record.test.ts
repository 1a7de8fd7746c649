import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub, type Hub } from "../../src/hub/index.ts"
import type { Entry } from "../../src/message.ts"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { eventStore, resume, type ResumeOptions } from "../../src/mcp/index.ts"
import { createInbox } from "../../src/mcp/inbox.ts"
import { createEventId, isPriming, isResponse, logIdOf, messageOf, recordOf, topicOf } from "../../src/mcp/record.ts"

const TOPIC = "stream.mcp/ann"
const recordWith = (data: unknown, id: string = `${TOPIC}/m1/s`) =>
  recordOf(TOPIC, { id, data: typeof data === "string" ? data : JSON.stringify(data) })

test("of the entries on a session's topic, only valid records are used", () => {
  assert.deepEqual(recordWith({ stream: "s", message: { a: 1 } }), { id: "m1/s", stream: "s", message: { a: 1 } })
  for (const data of [
    "",
    "no JSON",
    "null",
    "7",
    {},
    { stream: "s" },
    { message: {} },
    { stream: 1, message: {} },
    { stream: "s", message: null },
    { stream: "s", message: "text" },
    { stream: "s", message: 7 },
    { stream: "s", message: [] },
  ]) {
    assert.equal(recordWith(data), undefined, JSON.stringify(data))
  }
  const whole = JSON.stringify({ stream: "s", message: {} })
  for (const id of ["", "m1/s", "stream.mcp/bob/m1/s", TOPIC]) assert.equal(recordWith(whole, id), undefined, id)
  assert.equal(recordOf(TOPIC, { data: whole }), undefined)
})

test("a response has an id and a result or an error, and no method", () => {
  for (const [message, expected] of [
    [{ jsonrpc: "2.0", id: 1, result: {} }, true],
    [{ jsonrpc: "2.0", id: null, error: { code: 1, message: "" } }, true],
    [{ jsonrpc: "2.0", id: 1, method: "ping" }, false],
    [{ jsonrpc: "2.0", id: 1, method: "ping", result: {} }, false],
    [{ jsonrpc: "2.0", result: {} }, false],
    [{ jsonrpc: "2.0", id: 1 }, false],
    [{}, false],
  ] as const) {
    assert.equal(isResponse(message), expected, JSON.stringify(message))
  }
  assert.deepEqual([isPriming({}), isPriming({ jsonrpc: "2.0" })], [true, false])
})

test("an event id can make the log's id 512 bytes long, and no longer", () => {
  const room = 512 - TOPIC.length - 1
  assert.equal(logIdOf(TOPIC, "x".repeat(room))?.length, 512)
  assert.equal(logIdOf(TOPIC, "x".repeat(room + 1)), undefined)
})

test("a session's topic can have 256 bytes, so that half of an id is left for its messages", () => {
  const room = 256 - (TOPIC.length - "ann".length)
  assert.equal(topicOf("x".repeat(room))?.length, 256)
  assert.equal(topicOf("x".repeat(room + 1)), undefined)
  assert.equal(topicOf(`${"x".repeat(room - 3)}é`), undefined, "it is counted as it is encoded")
})

test("unknown options are refused by name", () => {
  const wrong = { session: "ann", sesion: "bob" }
  assert.throws(() => eventStore(memoryLog(), wrong), /sesion/)
  assert.throws(() => resume(memoryLog(), wrong), /sesion/)
})

/** The events of a resumed stream; undefined when nothing is left to send. */
async function open(
  from: Log | Hub,
  options: ResumeOptions,
  lastEventId: string | undefined,
  signal: AbortSignal = new AbortController().signal,
) {
  const source = resume(from, options)
  const events = await source.open({ lastEventId, signal })
  return events as AsyncGenerator<{ readonly id?: string; readonly data: string }> | undefined
}

const note = (data: unknown) => ({ jsonrpc: "2.0", method: "note", params: { data } })
const response = { jsonrpc: "2.0", id: 1, result: {} }

/** A log that counts who watches it, and gives at most one entry at a time. */
function countedLog(): { readonly log: Log; readonly watching: () => number } {
  const inner = memoryLog()
  let watching = 0
  const log: Log = {
    ...inner,
    read: (query) => inner.read({ ...query, limit: 1 }),
    async watch(wake) {
      const unwatch = await inner.watch(wake)
      watching++
      return async () => {
        watching--
        await unwatch()
      }
    },
  }
  return { log, watching: () => watching }
}

test("a resumed stream reads page after page, and releases the log in every way it ends", async () => {
  const { log, watching } = countedLog()
  const store = eventStore(log, { session: "ann" })
  const first = await store.storeEvent("s", {})
  for (const data of [1, 2, 3]) await store.storeEvent("s", note(data))
  const follow = (lastEventId: string, signal?: AbortSignal) => open(log, { session: "ann" }, lastEventId, signal)

  const gone = new AbortController()
  const cut = await follow(first, gone.signal)
  assert.ok(cut)
  for (const data of [1, 2, 3]) assert.deepEqual(JSON.parse((await cut.next()).value.data), note(data))
  assert.equal(watching(), 1)
  const waiting = cut.next()
  gone.abort()
  assert.equal((await waiting).done, true)
  assert.equal(watching(), 0)

  const last = await store.storeEvent("s", response)
  const whole = await follow(first)
  assert.ok(whole)
  const got: unknown[] = []
  for await (const { data } of whole) got.push(JSON.parse(data))
  assert.deepEqual(got, [note(1), note(2), note(3), response])
  assert.equal(watching(), 0)
  // nothing is to be waited for after a response, unless more is there already
  assert.equal(await follow(last), undefined)
  const more: unknown[] = []
  for (const data of [4, 5]) {
    more.push(note(data))
    await store.storeEvent("s", note(data))
    const rest: unknown[] = []
    for await (const event of (await follow(last)) ?? []) rest.push(JSON.parse(event.data))
    assert.deepEqual(rest, more)
  }
})

test("a resumed stream continues when another one of the same log ends", async () => {
  const log = memoryLog()
  const store = eventStore(log, { session: "ann" })
  const [first, gone] = [await store.storeEvent("s", {}), new AbortController()]
  const [one, two] = [
    await open(log, { session: "ann" }, first, gone.signal),
    await open(log, { session: "ann" }, first),
  ]
  assert.ok(one && two)
  const [ended, next] = [one.next(), two.next()]
  gone.abort()
  assert.equal((await ended).done, true)
  await store.storeEvent("s", note(1))
  assert.deepEqual(JSON.parse((await next).value.data), note(1))
  await two.return(undefined)
})

test("a resumed stream ends when its hub closes, after the messages that have arrived", async () => {
  const hub = createHub()
  const store = eventStore(hub, { session: "ann" })
  const first = await store.storeEvent("s", {})
  await store.storeEvent("s", note(1))
  const events = await open(hub, { session: "ann" }, first)
  assert.ok(events)
  assert.deepEqual(JSON.parse((await events.next()).value.data), note(1))
  // the client is busy meanwhile
  await store.storeEvent("s", note(2))
  await hub.close()
  assert.deepEqual(JSON.parse((await events.next()).value.data), note(2))
  assert.equal((await events.next()).done, true)
})

test("a resumed stream begins with its id for clients of version 2025-11-25, which forget it, and no older ones", async () => {
  const log = memoryLog()
  const store = eventStore(log, { session: "ann" })
  const first = await store.storeEvent("s", {})
  await store.storeEvent("s", response)
  for (const [protocol, isPrimed] of [
    [undefined, false],
    [null, false],
    ["2025-06-18", false],
    ["2025-11-24", false],
    ["2025-11-25", true],
    ["2026-01-01", true],
  ] as const) {
    const events: unknown[] = []
    for await (const { id, data } of (await open(log, { session: "ann", protocol }, first)) ?? []) {
      if (id === first) events.push(data)
    }
    assert.deepEqual(events, isPrimed ? [""] : [], String(protocol))
  }
})

test("a request to resume is refused with what it lacks, and by a process that closes", async () => {
  const log = memoryLog()
  const store = eventStore(log, { session: "ann" })
  const first = await store.storeEvent("s", {})
  for (const session of [undefined, null, ""]) {
    await assert.rejects(open(log, { session }, first), { code: "invalid_start", message: /Mcp-Session-Id/ })
  }
  for (const lastEventId of [undefined, ""]) {
    await assert.rejects(open(log, { session: "ann" }, lastEventId), {
      code: "invalid_start",
      message: /Last-Event-ID/,
    })
  }
  await assert.rejects(open(log, { session: "ann", signal: AbortSignal.abort() }, first), { code: "hub_draining" })
})

test("a resumed stream receives the entries before a loss, and then fails", () => {
  const topic = topicOf("ann") ?? ""
  const inbox = createInbox(topic, "s")
  const entry = (data: number): Entry => {
    const message = { jsonrpc: "2.0", method: "note", params: { data } }
    const id = logIdOf(topic, createEventId({ stream: "s", message })) ?? ""
    return { ...messageOf(topic, id, { stream: "s", message }), position: `life0000~1${data}`, time: 0 }
  }
  assert.equal(inbox.onEntries([entry(1)]), true)
  inbox.onLost({ reason: "trimmed", to: "life0000~12" })
  assert.equal(inbox.onEntries([entry(3)]), false)
  assert.equal(inbox.take()?.length, 1)
  assert.throws(() => inbox.take(), { code: "invalid_start" })
})

test("a resumed stream whose client reads nothing stops reading after 64 KiB", () => {
  const inbox = createInbox(TOPIC, "s")
  const empty = JSON.stringify({ stream: "s", message: note("") }).length
  const entry = (length: number): Entry => {
    const record = { stream: "s", message: note("x".repeat(length - empty)) }
    const { data } = messageOf(TOPIC, "", record)
    assert.equal(data.length, length)
    return { topic: TOPIC, id: `${TOPIC}/m1/s`, data, position: "life0000~11", time: 0 }
  }
  for (let round = 0; round < 2; round++) {
    assert.equal(inbox.onEntries([entry(40_000), entry(25_535)]), true)
    assert.equal(inbox.take()?.length, 2)
    assert.equal(inbox.onEntries([entry(40_000), entry(25_536)]), false)
    assert.equal(inbox.take()?.length, 2)
  }
  assert.equal(inbox.onEntries([entry(100)]), true)
  inbox.onEnd?.()
  assert.equal(inbox.take()?.length, 1)
  assert.equal(inbox.take(), undefined)
})

test("a session without kept records is unknown, and one behind records of others is not", async () => {
  const hub = createHub()
  const bob = eventStore(hub, { session: "bob" })
  for (let i = 0; i < 5; i++) await bob.storeEvent("s", { i })
  await eventStore(hub, { session: "ann" }).storeEvent("s", {})
  const codeOf = (session: string): Promise<unknown> =>
    open(hub, { session }, "m/never").then(
      () => "answered",
      ({ code }: { code: string }) => code,
    )
  assert.deepEqual(await Promise.all(["ann", "bob", "eve"].map(codeOf)), [
    "invalid_start",
    "invalid_start",
    "session_unknown",
  ])
  await hub.close()
})

test("a session is found in a store that searches a few entries at a time, and finds nothing in most pages", async () => {
  const inner = memoryLog()
  const log: Log = {
    ...inner,
    async read({ after, topics, limit }) {
      const { entries, next } = await inner.read({ after, limit: Math.min(limit, 2) })
      return { entries: entries.filter(({ topic }) => topics?.includes(topic) ?? true), next }
    },
  }
  for (let i = 0; i < 9; i++) await eventStore(log, { session: "bob" }).storeEvent("s", { i })
  await eventStore(log, { session: "ann" }).storeEvent("s", {})
  await assert.rejects(open(log, { session: "ann" }, "m/never"), { code: "invalid_start" })
})
