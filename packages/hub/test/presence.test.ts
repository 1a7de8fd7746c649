import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { test } from "node:test"
import { createHub } from "onward"
import { createPresence } from "../src/presence.ts"
import { readUntil } from "./read-events.ts"
import { testServer } from "./server.ts"
import { temporaryFolder } from "./temporary-folder.ts"

interface Told {
  readonly topic: string
  readonly streams: number
  readonly userIds: readonly string[]
  readonly more?: number
}

async function ask(url: string, query: string): Promise<readonly Told[]> {
  const response = await fetch(`${url}/presence?${query}`)
  assert.equal(response.status, 200)
  return ((await response.json()) as { topics: readonly Told[] }).topics
}

/** Opens a stream and waits until it is there; returns what leaves it. */
async function listen(url: string, query: string): Promise<() => void> {
  const leaving = new AbortController()
  const response = await fetch(`${url}/events?${query}`, { signal: leaving.signal })
  assert.equal(response.status, 200)
  await response.body?.getReader().read()
  return () => leaving.abort()
}

test("presence reports the number of streams on topics, and each user id once", async (t) => {
  const { url } = await testServer(t, { presence: ["room/*"] })
  const leave = [
    await listen(url, "topic=room/7&userId=bob"),
    await listen(url, "topic=room/7&topic=room/8&userId=ada"),
    await listen(url, "topic=room/7&userId=ada"),
    await listen(url, "topic=room/7&topic=other"),
    await listen(url, "topic=room/*&userId=eve"),
  ]
  t.after(() => leave.forEach((each) => each()))
  assert.deepEqual(await ask(url, "topic=room/8&topic=room/7&topic=room/8&topic=room/9&topic=other"), [
    { topic: "room/8", streams: 1, userIds: ["ada"] },
    { topic: "room/7", streams: 4, userIds: ["ada", "bob"] },
    { topic: "room/9", streams: 0, userIds: [] },
    { topic: "other", streams: 0, userIds: [] },
  ])
})

test("a stream of presence has the present state, then each change", async (t) => {
  const { url } = await testServer(t, { presence: ["*"] })
  const leave = await listen(url, "topic=room&userId=ada")
  const told: Told[] = []
  let leaveToo = Promise.resolve(() => {})
  const events = await readUntil(`${url}/presence/events?topic=room&topic=hall`, ({ data }) => {
    const now = JSON.parse(data) as Told
    told.push(now)
    if (now.topic === "hall" && now.streams === 0) leaveToo = listen(url, "topic=hall&userId=bob")
    if (now.topic === "hall" && now.streams === 1) leave()
    return told.length === 4
  })
  assert.deepEqual(told, [
    { topic: "room", streams: 1, userIds: ["ada"] },
    { topic: "hall", streams: 0, userIds: [] },
    { topic: "hall", streams: 1, userIds: ["bob"] },
    { topic: "room", streams: 0, userIds: [] },
  ])
  assert.ok(events.every(({ event, id }) => event === "presence" && id === ""))
  ;(await leaveToo)()
})

test("streams on another hub with the same log are counted too", async (t) => {
  const log = `sqlite:${join(temporaryFolder(t), "events.db")}`
  const one = await testServer(t, { log, presence: ["*"] })
  const two = await testServer(t, { log, presence: ["*"] })
  const leave = await listen(one.url, "topic=room&userId=ada")
  await readUntil(`${two.url}/presence/events?topic=room`, ({ data }) => (JSON.parse(data) as Told).streams === 1)
  assert.deepEqual(await ask(two.url, "topic=room"), [{ topic: "room", streams: 1, userIds: ["ada"] }])
  leave()
})

test("a hub that closes ends its streams of presence, so that readers reconnect", async (t) => {
  const { url, close } = await testServer(t, { presence: ["*"] })
  const stream = await fetch(`${url}/presence/events?topic=room`)
  const text = stream.text()
  await close()
  assert.match(await text, /^: heartbeat[^]*retry: 1000\n[^]*event: presence\n[^]*\n\n$/)
  assert.ok(!(await text).includes("stream.end"))
})

test("presence is off by default, and streams can pass a user id even then", async (t) => {
  const { url } = await testServer(t)
  const leave = await listen(url, "topic=room&userId=ada")
  for (const path of ["/presence?topic=room", "/presence/events?topic=room"]) {
    const response = await fetch(url + path)
    assert.equal(response.status, 404)
    assert.match(await response.text(), /Enable it with --presence/)
  }
  leave()
})

const refused: [path: string, code: string][] = [
  ["/presence", "no_topic"],
  ["/presence/events", "no_topic"],
  ["/presence?topic=", "invalid_selector"],
  ["/presence?topic=room/*", "invalid_selector"],
  ["/presence/events?topic=users/:id", "invalid_selector"],
  [`/presence?${Array.from({ length: 1_001 }, (_, i) => `topic=${i}`).join("&")}`, "too_many_topics"],
  ["/events?topic=a&userId=", "invalid_user_id"],
  [`/events?topic=a&userId=${"x".repeat(257)}`, "invalid_user_id"],
]

test("presence refuses, with 400", async (t) => {
  const { url, errors } = await testServer(t, { presence: ["*"] })
  for (const [path, code] of refused) {
    await t.test(`${path.slice(0, 40)}: ${code}`, async () => {
      const response = await fetch(url + path)
      const { error } = (await response.json()) as { error: { code: string } }
      assert.deepEqual([response.status, error.code], [400, code])
    })
  }
  // what an option allows is told to the operator
  assert.deepEqual(
    errors.map((error) => (error as { code: string }).code),
    ["too_many_topics"],
  )
})

test("one address cannot use all streams of presence, and releases what it used", async (t) => {
  const { url } = await testServer(t, { presence: ["*"] })
  const leaving = new AbortController()
  const open = (): Promise<Response> => fetch(`${url}/presence/events?topic=a`, { signal: leaving.signal })
  const streams = await Promise.all(Array.from({ length: 100 }, open))
  assert.ok(streams.every(({ status }) => status === 200))
  const { status, headers } = await open()
  assert.equal(status, 429)
  assert.match(headers.get("retry-after") ?? "", /^\d+$/)
  leaving.abort()
  while ((await fetch(`${url}/presence/events?topic=a`, { method: "HEAD" })).status !== 200);
})

test("of many users a thousand are listed, and the others are counted", async (t) => {
  const hub = createHub({ presence: true })
  for (let i = 0; i < 1_200; i++) {
    const sink = { owner: undefined, write: () => true, writeText: () => true, close: () => {} }
    const subscription = hub.subscribe({ topics: ["a", "b"], userId: `p${1_000 + i}` })
    subscription.open().start(sink)
  }
  const { routes, close } = createPresence(hub.presence, {
    maxStreams: 1_000,
    maxTopics: 100,
    retry: 1_000,
    onError: assert.ifError,
  })
  const [, { answer }] = routes[0] ?? assert.fail()
  const server = createServer((req, res) => void answer(req, res, new URL(req.url ?? "", "http://hub")))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(async () => {
    close()
    server.close()
    await hub.close()
  })
  const [a, b] = await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, "topic=a&topic=b")
  assert.deepEqual([a?.streams, a?.userIds.length, a?.userIds.at(-1), a?.more], [1_200, 1_000, "p1999", 200])
  assert.deepEqual([b?.streams, b?.userIds, b?.more], [1_200, [], 1_200])
})
