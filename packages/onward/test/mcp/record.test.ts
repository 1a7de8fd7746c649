import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub } from "../../src/hub/index.ts"
import type { Entry } from "../../src/message.ts"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { eventStore, resume } from "../../src/mcp/index.ts"
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
  const note = (data: number) => ({ jsonrpc: "2.0", method: "note", params: { data } })
  const response = { jsonrpc: "2.0", id: 1, result: {} }
  for (const data of [1, 2, 3]) await store.storeEvent("s", note(data))
  const asked = { session: "ann" }
  const follow = async (lastEventId: string, signal: AbortSignal) => {
    const { open } = resume(log, asked)
    const events = await open({ lastEventId, signal, attempt: 0 } as unknown as Parameters<typeof open>[0])
    return events as AsyncGenerator<{ readonly data: string }> | undefined
  }

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
  const whole = await follow(first, new AbortController().signal)
  assert.ok(whole)
  const got: unknown[] = []
  for await (const { data } of whole) got.push(JSON.parse(data))
  assert.deepEqual(got, [note(1), note(2), note(3), response])
  assert.equal(watching(), 0)
  // nothing is to be waited for after a response, unless more is there already
  assert.equal(await follow(last, new AbortController().signal), undefined)
  for (const data of [4, 5]) await store.storeEvent("s", note(data))
  const rest = await follow(last, new AbortController().signal)
  assert.ok(rest)
  const more: unknown[] = []
  for await (const { data } of rest) more.push(JSON.parse(data))
  assert.deepEqual(more, [note(4), note(5)])
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
  const topic = topicOf("ann") ?? ""
  const inbox = createInbox(topic, "s")
  const message = { jsonrpc: "2.0", method: "note", params: { data: "x".repeat(10_000) } }
  const id = logIdOf(topic, createEventId({ stream: "s", message })) ?? ""
  const entry = { ...messageOf(topic, id, { stream: "s", message }), position: "life0000~11", time: 0 }
  const taken = Array.from({ length: 8 }, () => inbox.onEntries([entry]))
  assert.deepEqual(taken, [true, true, true, true, true, true, false, false])
  assert.equal(inbox.take()?.length, 8)
  assert.equal(inbox.onEntries([entry]), true)
  inbox.onEnd?.()
  assert.equal(inbox.take()?.length, 1)
  assert.equal(inbox.take(), undefined)
})

test("a session without kept records is unknown, and one behind records of others is not", async () => {
  const hub = createHub()
  const bob = eventStore(hub, { session: "bob" })
  for (let i = 0; i < 5; i++) await bob.storeEvent("s", { i })
  await eventStore(hub, { session: "ann" }).storeEvent("s", {})
  const codeOf = async (session: string): Promise<unknown> => {
    const { open } = resume(hub, { session })
    const signal = new AbortController().signal
    const given = { lastEventId: "m/never", signal } as unknown as Parameters<typeof open>[0]
    return Promise.resolve(open(given)).then(
      () => "answered",
      ({ code }: { code: string }) => code,
    )
  }
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
  const { open } = resume(log, { session: "ann" })
  const given = { lastEventId: "m/never", signal: new AbortController().signal } as unknown as Parameters<
    typeof open
  >[0]
  await assert.rejects(async () => open(given), { code: "invalid_start" })
})
