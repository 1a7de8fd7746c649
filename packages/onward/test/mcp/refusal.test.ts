import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { eventStore, type EventStore } from "../../src/mcp/index.ts"
import { faultyLog, unavailable } from "../hub/faulty-log.ts"
import { lines } from "./lines.ts"
import { startNode, type Line } from "./node.ts"

const message = (data: unknown) => ({ jsonrpc: "2.0", method: "notifications/message", params: { data } })
const response = (id: number) => ({ jsonrpc: "2.0", id, result: {} })

async function replay(store: EventStore, eventId: string): Promise<object[]> {
  const sent: object[] = []
  await store.replayEventsAfter(eventId, { send: async (_, each) => void sent.push(each) })
  return sent
}

test("two sessions receive nothing of each other, although both have a stream of the same name", async () => {
  const log = memoryLog()
  const ann = eventStore(log, { session: "ann" })
  const bob = eventStore(log, { session: "bob" })
  const first = await ann.storeEvent("_GET_stream", message(1))
  await bob.storeEvent("_GET_stream", message("bob's"))
  await ann.storeEvent("_GET_stream", message(2))
  assert.deepEqual(await replay(ann, first), [message(2)])
  await assert.rejects(replay(bob, first), { code: "invalid_start" })
})

test("no session name with any characters gives access to another session", async () => {
  const log = memoryLog()
  const names = ["a", "a/b", "a%2Fb", "*", ":a", "a*", "\u{1F600}", "%2A"]
  const kept = await Promise.all(
    names.map(async (session) => {
      const store = eventStore(log, { session })
      const id = await store.storeEvent("s", message(session))
      await store.storeEvent("s", message(`${session} 2`))
      return { session, store, id }
    }),
  )
  for (const { store, session } of kept) {
    for (const { id, session: other } of kept) {
      const replayed = replay(store, id).catch(({ code }: { code: string }) => code)
      assert.deepEqual(
        await replayed,
        other === session ? [message(`${session} 2`)] : "invalid_start",
        `${session} ${other}`,
      )
    }
  }
})

test("only the resumed stream is replayed, without the record that only has its first id", async () => {
  const store = eventStore(memoryLog(), { session: "ann" })
  const first = await store.storeEvent("one", {})
  await store.storeEvent("two", {})
  await store.storeEvent("one", message(1))
  await store.storeEvent("two", message(2))
  await store.storeEvent("one", {})
  await store.storeEvent("one", response(7))
  assert.deepEqual(await replay(store, first), [message(1), response(7)])
})

test("a thousand messages are replayed in the order in which they were stored", async () => {
  const store = eventStore(memoryLog(), { session: "ann" })
  const first = await store.storeEvent("one", {})
  const all = Array.from({ length: 1_200 }, (_, i) => message(i))
  await Promise.all(all.map((each) => store.storeEvent("one", each)))
  assert.deepEqual(await replay(store, first), all)
})

test("an id whose event is no longer kept is refused, and not resumed from another position", async () => {
  const store = eventStore(memoryLog({ retention: { count: 2 } }), { session: "ann" })
  const first = await store.storeEvent("one", message(1))
  for (const data of [2, 3, 4]) await store.storeEvent("one", message(data))
  await assert.rejects(replay(store, first), { code: "invalid_start" })
})

test("an unavailable store fails the call that needs it, and the next one works again", async () => {
  const log = faultyLog()
  const store = eventStore(log, { session: "ann" })
  const first = await store.storeEvent("one", {})
  log.failure = unavailable
  await assert.rejects(store.storeEvent("one", message(1)), { code: "log_unavailable" })
  await assert.rejects(replay(store, first), { code: "log_unavailable" })
  log.failure = undefined
  await store.storeEvent("one", message(2))
  assert.deepEqual(await replay(store, first), [message(2)])
})

test("a session name must be text that can be a topic, and a stream name one line", async () => {
  for (const session of ["", "x".repeat(300), "\ud800"]) {
    assert.throws(() => eventStore(memoryLog(), { session }), TypeError)
  }
  const store = eventStore(memoryLog(), { session: "ann" })
  for (const stream of ["", "a\nb", "x".repeat(600)]) await assert.rejects(store.storeEvent(stream, {}), TypeError)
})

/** Asks a node where the session is not, or is. */
async function ask(url: string, session: string | undefined, lastEventId: string | undefined): Promise<Response> {
  const response = await fetch(url, {
    headers: {
      accept: "text/event-stream",
      ...(session !== undefined && { "mcp-session-id": session }),
      ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
    },
  })
  return response
}

const start = (t: TestContext, line: Line, log: Log) =>
  startNode(t, line, log, async ({ notify }) => {
    await notify(1)
    await notify(2)
  })

for (const line of lines) {
  test(`${line.name}: unknown ids are refused, unknown sessions are 404, at every node`, async (t) => {
    const log = memoryLog()
    const [here, there] = [await start(t, line, log), await start(t, line, log)]
    const ann = await line.connect(here.url)
    const bob = await line.connect(here.url)
    t.after(() => Promise.all([ann.close(), bob.close()]))
    const theirs = await here.stores.get(bob.session)?.storeEvent("_GET_stream", message("bob's"))
    const forged = "m00000000-0000-4000-8000-000000000000/_GET_stream"
    for (const node of [here, there]) {
      for (const id of ["nonsense", "earliest", "0", "m/x", forged, theirs, "x".repeat(2_000), "%0a"]) {
        const response = await ask(node.url, ann.session, id)
        // a transport of the SDK has no other answer to a store that refuses
        assert.equal(response.status, node === here ? 500 : 400, `${id}`)
        assert.doesNotMatch(await response.text(), /bob/)
      }
      for (const session of ["somebody", "*", "x".repeat(3_000)]) {
        const { status } = await ask(node.url, session, theirs)
        assert.equal(status, 404, session)
      }
    }
    assert.equal((await ask(there.url, undefined, theirs)).status, 400)
    assert.equal((await ask(there.url, ann.session, undefined)).status, 400)
  })

  test(`${line.name}: a client that has the response has received all messages, at another node too`, async (t) => {
    const log = memoryLog()
    const [here, there] = [await start(t, line, log), await start(t, line, log)]
    const { headers } = await post(here.url, { id: 1, method: "initialize", params: HELLO })
    const session = headers.get("mcp-session-id") ?? ""
    const called = await post(here.url, { id: 2, method: "tools/call", params: { name: "work" } }, session)
    const ids = [...(await called.text()).matchAll(/^id: (.+)$/gm)].map((match) => match[1])
    assert.equal(ids.length, 4)
    const rest = await ask(there.url, session, ids[1])
    assert.equal(rest.headers.get("mcp-session-id"), session)
    const again = [...(await rest.text()).matchAll(/^id: ?(.+)$/gm)].map((match) => match[1])
    assert.deepEqual(again, ids.slice(2), "the same ids, and then an end")
    assert.equal((await ask(there.url, session, ids[3])).status, 204)
  })
}

test("a resumed stream survives an unavailable store, and new ones wait for it", async (t) => {
  const faulty = faultyLog()
  let ring = (): void => {}
  const log: Log = {
    ...faulty,
    watch(wake) {
      ring = wake
      return faulty.watch(wake)
    },
  }
  t.mock.method(console, "error", () => {})
  const { url } = await start(t, lines[0] as Line, log)
  const store = eventStore(log, { session: "ann" })
  const first = await store.storeEvent("one", {})
  const second = await store.storeEvent("one", message(1))
  const resumed = (await ask(url, "ann", first)).body?.pipeThrough(new TextDecoderStream())
  let text = ""
  for await (const chunk of resumed ?? []) {
    const isFirst = !text.includes(second)
    text += chunk
    if (!isFirst || !text.includes(second)) continue
    faulty.failure = unavailable
    ring()
    assert.equal((await ask(url, "ann", second)).status, 503)
    faulty.failure = undefined
    await store.storeEvent("one", message(2))
    await store.storeEvent("one", response(7))
  }
  assert.doesNotMatch(text, /away|log_/, "what went wrong is not for clients")
  assert.deepEqual(
    [...text.matchAll(/^data: (\{.+)$/gm)].map((match) => JSON.parse(match[1] ?? "")),
    [message(1), message(2), response(7)],
  )
})

const HELLO = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } }

const post = (url: string, body: object, session?: string): Promise<Response> =>
  fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2025-11-25",
      ...(session !== undefined && { "mcp-session-id": session }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", ...body }),
  })
