import assert from "node:assert/strict"
import { test } from "node:test"
import { parse } from "onward/protocol"
import { PUBLISH_KEY } from "../auth/tokens.ts"
import { readEvents } from "../read-events.ts"
import { publish as publishAs, type TestServer } from "../server.ts"
import { ADMIN_KEY, ask, bearer, codeOf, serveAdmin, signToken } from "./operator.ts"

const OPERATOR = bearer(ADMIN_KEY)

const publish = (server: TestServer, fields: Record<string, string>): Promise<string> =>
  publishAs(server.url, fields, bearer(PUBLISH_KEY))

interface Shown {
  readonly position: string
  readonly topic: string
  readonly event: string
  readonly isPrivate: boolean
  readonly data?: string
}

interface Listed {
  readonly entries: readonly Shown[]
  readonly next: string
  readonly isEnd: boolean
}

const list = async (server: TestServer, query = ""): Promise<Listed> =>
  (await ask<Listed>(server, `/admin/log${query}`)).body

const dataOf = ({ entries }: Listed): (string | undefined)[] => entries.map(({ data }) => data)

async function until<T>(read: () => Promise<T>, is: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read()
    if (is(value)) return value
    await new Promise((resolve) => void setTimeout(resolve, 10))
  }
}

test("the inspector shows entries from any start, and filters them", async (t) => {
  const server = await serveAdmin(t)
  const ids: string[] = []
  for (let i = 0; i < 12; i++) {
    const event = i % 3 === 0 ? "alert" : "message"
    ids.push(await publish(server, { topic: i % 2 === 0 ? "news" : "room/7", event, data: String(i) }))
  }
  await publish(server, { topic: "news", id: "mine", data: "own id" })
  const news = ["0", "2", "4", "6", "8", "10", "own id"]
  assert.deepEqual(dataOf(await list(server, "?topic=news")), news)
  assert.deepEqual(dataOf(await list(server, "?topic=news&last=2")), ["10", "own id"])
  assert.deepEqual(dataOf(await list(server, `?topic=news&after=${ids[7]}`)), ["8", "10", "own id"])
  assert.deepEqual(dataOf(await list(server, `?id=${ids[10]}&limit=1`)), ["10"])
  assert.deepEqual(dataOf(await list(server, "?id=mine")), ["own id"])
  assert.equal((await list(server, "?since=2020-01-01T00:00:00Z")).entries.length, 13)
  assert.equal((await list(server, `?since=${Date.now() + 60_000}`)).entries.length, 0)
  const alerts = await list(server, "?event=alert&topic=room*")
  assert.deepEqual(
    alerts.entries.map(({ topic, event }) => [topic, event]),
    [
      ["room/7", "alert"],
      ["room/7", "alert"],
    ],
  )
  const page = await list(server, "?after=earliest&limit=5")
  assert.deepEqual([page.entries.length, page.isEnd], [5, false])
  const rest = await list(server, `?after=${page.next}&limit=200`)
  assert.deepEqual([rest.entries.length, rest.isEnd], [8, true])
  for (const query of [
    "?last=0",
    "?last=many",
    "?after=here",
    "?since=never",
    "?private=x",
    "?id=a&last=2",
    "?topic=a**",
  ]) {
    assert.equal(codeOf(await ask(server, `/admin/log${query}`)), "400 invalid_request", query)
  }
  assert.equal(codeOf(await ask(server, "/admin/log?id=unknown")), "404 no_entry")
})

test("a payload that not every client may read is sent only when an operator asks for it", async (t) => {
  const server = await serveAdmin(t)
  await publish(server, { topic: "news", data: "public" })
  const id = await publish(server, { topic: "users/ada/mail", data: "secret" })
  const { entries } = await list(server)
  assert.deepEqual(
    entries.map(({ isPrivate, data }) => [isPrivate, data]),
    [
      [false, "public"],
      [true, undefined],
    ],
  )
  assert.deepEqual(
    (await list(server, "?private=only")).entries.map(({ topic }) => topic),
    ["users/ada/mail"],
  )
  assert.deepEqual(dataOf(await list(server, "?private=none")), ["public"])
  const one = await ask<Shown>(server, `/admin/log/entry?position=${id}`)
  assert.equal(one.body.data, "secret")
  assert.equal(codeOf(await ask(server, "/admin/log/entry?position=00000000~15")), "404 no_entry")
  assert.equal(codeOf(await ask(server, "/admin/log/entry?position=x")), "400 invalid_request")
  const long = await publish(server, { topic: "news", data: "é".repeat(3_000) })
  const cut = (await list(server, "?last=1")).entries[0] as Shown & { isCut: boolean; bytes: number }
  assert.deepEqual([cut.data?.length, cut.isCut, cut.bytes], [2_000, true, 6_000])
  assert.equal((await ask<Shown>(server, `/admin/log/entry?position=${long}`)).body.data?.length, 3_000)
})

test("an entry that its publisher made private is found by its topic, hidden until asked for, and replayed to an operator", async (t) => {
  const server = await serveAdmin(t, { auth: undefined as never })
  const send = async (message: object): Promise<string> => {
    const headers = { "content-type": "application/json" }
    const response = await fetch(`${server.url}/publish`, { method: "POST", headers, body: JSON.stringify(message) })
    return ((await response.json()) as { id: string }).id
  }
  const id = await send({ topic: "news", private: true, data: "secret" })
  await send({ topic: "room/7", data: "other" })
  const { entries } = await list(server, "?topic=news")
  assert.deepEqual(
    entries.map(({ topic, isPrivate, data }) => [topic, isPrivate, data]),
    [["news", true, undefined]],
  )
  assert.equal((await ask<Shown>(server, `/admin/log/entry?position=${id}`)).body.data, "secret")
  const { body } = await ask<{ topics: { topic: string }[] }>(server, "/admin/topics?sort=name")
  assert.deepEqual(
    body.topics.map(({ topic }) => topic),
    ["news", "room/7"],
  )
  const [replayed] = await readEvents(`${server.adminUrl}/admin/replay?topic=news&last_event_id=earliest`, 1)
  assert.equal(replayed?.data, "secret", "an operator may read it")
})

test("the tail shows what is stored from a position on, without private payloads", async (t) => {
  const server = await serveAdmin(t)
  const first = await publish(server, { topic: "news", data: "before" })
  await publish(server, { topic: "users/ada/mail", data: "secret" })
  const after = await publish(server, { topic: "news", data: "after" })
  const url = `${server.adminUrl}/admin/log/tail`
  const events = await readEvents(url, 2, { ...OPERATOR, "last-event-id": first })
  const shown = events.map(({ data }) => JSON.parse(data) as Shown)
  assert.deepEqual(
    shown.map(({ topic, data }) => [topic, data]),
    [
      ["users/ada/mail", undefined],
      ["news", "after"],
    ],
  )
  assert.equal(events[1]?.id, after)
  const [filtered] = await readEvents(`${url}?topic=news`, 1, { ...OPERATOR, "last-event-id": first })
  assert.equal(filtered?.id, after)
})

test("a tail of a busy log leaves entries out, and says so", async (t) => {
  const server = await serveAdmin(t)
  const first = await publish(server, { topic: "news", data: "0" })
  const batch = Array.from({ length: 1_000 }, (_, i) => ({ topic: "news", data: String(i + 1) }))
  const headers = { ...bearer(PUBLISH_KEY), "content-type": "application/json" }
  await fetch(`${server.url}/publish`, { method: "POST", headers, body: JSON.stringify(batch) })
  const events = await readEvents(`${server.adminUrl}/admin/log/tail`, 201, { ...OPERATOR, "last-event-id": first })
  assert.deepEqual(
    events.flatMap(({ event }, i) => (event === "skipped" ? [i] : [])),
    [100],
  )
  assert.equal((JSON.parse(events[200]?.data ?? "") as Shown).data, "1000", "it continues with the newest entries")
})

test("topics have their rate, entries, streams and presence", async (t) => {
  const server = await serveAdmin(t, { presence: ["room/*"] })
  const reader = new AbortController()
  t.after(() => reader.abort())
  await fetch(`${server.url}/events?topic=room/7&topic=silent`, { headers: OPERATOR, signal: reader.signal })
  for (let i = 0; i < 6; i++) await publish(server, { topic: i < 4 ? "news" : "room/7", data: "12345" })
  interface Topics {
    readonly topics: readonly {
      topic: string
      entries: number
      bytes: number
      rate: number
      streams: number
      newestId: string
    }[]
    readonly total: number
    readonly isAll: boolean
  }
  // the stream counts from the moment when it is open
  const { body } = await until(
    () => ask<Topics>(server, "/admin/topics?sort=entries"),
    ({ body: { total } }) => total === 3,
  )
  assert.deepEqual(
    body.topics.map(({ topic, entries, bytes, streams }) => [topic, entries, bytes, streams]),
    [
      ["news", 4, 20, 0],
      ["room/7", 2, 10, 1],
      ["silent", 0, 0, 1],
    ],
  )
  assert.deepEqual([body.total, body.isAll, body.topics[0]?.rate], [3, true, 4 / 60])
  const newest = await publish(server, { topic: "room/7", data: "x" })
  const some = await ask<Topics>(server, "/admin/topics?prefix=room&limit=1")
  assert.deepEqual([some.body.total, some.body.topics[0]?.newestId, some.body.topics[0]?.entries], [1, newest, 3])
  const one = await ask(server, "/admin/topics/one?topic=room/7")
  const presence = { streams: 1, userIds: [], more: 0 }
  assert.deepEqual(one.body, {
    topic: "room/7",
    isPrivate: true,
    streams: 1,
    kept: { entries: 3, isAll: true },
    presence,
  })
  assert.equal((await ask(server, "/admin/topics/one?topic=news")).body["presence"], null)
  for (const query of ["/one?topic=room/*", "/one", "?sort=x", "?limit=0"]) {
    assert.equal(codeOf(await ask(server, `/admin/topics${query}`)), "400 invalid_request", query)
  }
})

test("a token is decoded, and each decision about a topic is explained", async (t) => {
  const server = await serveAdmin(t)
  interface Explained {
    readonly isAccepted: boolean
    readonly reason?: string
    readonly claims?: { readonly sub: string }
    readonly sources: readonly string[]
    readonly decisions: readonly { readonly topic: string; readonly isGranted: boolean; readonly why: string }[]
  }
  const explain = async (body: object): Promise<Explained> =>
    (await ask<Explained>(server, "/admin/explain", { method: "POST", body: JSON.stringify(body) })).body
  const asked = { subscribe: ["users/ada/mail", "users/bob/mail", "stream.x"], publish: ["news"] }

  const byPermissions = await explain({ credential: await signToken(), ...asked })
  assert.deepEqual([byPermissions.isAccepted, byPermissions.claims?.sub], [true, "ada"])
  assert.deepEqual(
    byPermissions.decisions.map(({ topic, isGranted, why }) => [topic, isGranted, why]),
    [
      ["news", false, "nothing is granted for this action"],
      ["users/ada/mail", true, "the grant users/ada/* covers it"],
      ["users/bob/mail", false, "none of the grants [users/ada/*] covers it"],
      ["stream.x", false, "topics that start with stream. are reserved"],
    ],
  )
  assert.deepEqual(byPermissions.sources, [
    "auth.permissions[0] does not apply: it needs role = editor, and the token has no such claim.",
    "auth.permissions[1] applies.",
    "auth.permissions[1]: teams/{team}/* grants nothing, because a claim in it is missing or is not one segment.",
  ])
  const byClaim = await explain({
    credential: `Bearer ${await signToken({ onward: { publish: ["news"] } })}`,
    ...asked,
  })
  assert.equal(byClaim.decisions[0]?.why, "the grant news covers it")
  assert.deepEqual(byClaim.sources, ["The claim onward of the token grants them, so auth.permissions do not apply."])

  const expired = await explain({ credential: await signToken({ exp: 1 }), ...asked })
  assert.equal(expired.isAccepted, false)
  assert.match(expired.reason ?? "", /^the token of "https:\/\/app\.example\.com" for "ada" expired \d+ s ago$/)
  assert.equal(expired.claims?.sub, "ada", "the claims are shown all the same")
  assert.equal((await explain({ credential: "nonsense" })).reason, "the key is not one of auth.keys")
  const anonymous = await explain({ subscribe: ["news", "room/7"] })
  assert.deepEqual(
    anonymous.decisions.map(({ isGranted }) => isGranted),
    [true, false],
  )
  const post = (body: unknown) => ask(server, "/admin/explain", { method: "POST", body: JSON.stringify(body) })
  for (const body of [[], { token: "x" }, { credential: 7 }, { publish: "news" }, { subscribe: [""] }]) {
    assert.equal(codeOf(await post(body)), "400 invalid_request", JSON.stringify(body))
  }
})

test("an operator tries a credential as its client would, and is told why it is refused", async (t) => {
  const server = await serveAdmin(t)
  const token = {
    ...OPERATOR,
    "onward-credential": await signToken({ onward: { publish: ["news"], subscribe: ["room/*"] } }),
  }
  const send = (topic: string, headers: Record<string, string>) =>
    ask<{ id?: string; error?: { message: string } }>(server, "/admin/try/publish", {
      method: "POST",
      headers,
      body: new URLSearchParams({ topic, data: "hello" }),
    })
  const sent = await send("news", token)
  assert.equal(sent.status, 200)
  const refused = await send("room/7", token)
  assert.equal(codeOf(refused), "403 topic_not_allowed")
  assert.match(
    refused.body.error?.message ?? "",
    /refuses this with 403: user "ada" .* may publish \[news\], not "room\/7"/,
  )
  const anonymous = await send("news", OPERATOR)
  assert.match(anonymous.body.error?.message ?? "", /anonymous may publish \[\], not "news"/)

  await publish(server, { topic: "room/7", data: "in the room" })
  const [event] = await readEvents(`${server.adminUrl}/admin/try/events?topic=room/7&last=1`, 1, token)
  assert.equal(event?.data, "in the room")
  assert.equal(codeOf(await ask(server, "/admin/try/events?topic=news", { headers: token })), "403 topic_not_allowed")
  const [replayed] = await readEvents(`${server.adminUrl}/admin/replay?topic=room/7&last=1`, 1, OPERATOR)
  assert.equal(replayed?.data, "in the room")
})

test("streams are listed by lag, found by a filter, and closed", async (t) => {
  const server = await serveAdmin(t)
  const tokens = await Promise.all(["ada", "bob"].map((sub) => signToken({ sub, onward: { subscribe: ["room/*"] } })))
  const ended = tokens.map(async (token) => {
    const response = await fetch(`${server.url}/events?topic=room/7`, { headers: bearer(token) })
    const events = []
    for await (const { event } of parse(response.body as never)) events.push(event)
    return events.filter((event) => event !== "stream.checkpoint")
  })
  interface Streams {
    readonly streams: readonly { id: string; worker: number; userId: string; label: string; state: string }[]
    readonly total: number
  }
  const streams = async (query = ""): Promise<Streams> => (await ask<Streams>(server, `/admin/streams${query}`)).body
  const all = await until(streams, ({ total }) => total === 2)
  const seen = all.streams.map(({ userId, label, worker }) => `${userId} ${label} ${worker}`)
  assert.deepEqual(new Set(seen), new Set(["ada events 0", "bob events 0"]))
  const bob = await streams("?filter=BOB&sort=oldest")
  assert.deepEqual([bob.total, bob.streams[0]?.userId], [1, "bob"])
  assert.equal((await streams("?filter=room/7&offset=1")).streams.length, 1)
  assert.equal((await streams("?filter=elsewhere")).total, 0)
  const path = `/admin/streams/${bob.streams[0]?.id}`
  assert.equal((await ask(server, path)).body["userId"], "bob")
  assert.equal(codeOf(await ask(server, `${path}?end=true`, { method: "DELETE" })), "200 ok")
  assert.deepEqual(await ended[1], ["stream.end"])
  assert.equal(codeOf(await ask(server, path)), "404 no_such_stream")
  const [ada] = (await streams()).streams
  assert.equal(codeOf(await ask(server, `/admin/streams/${ada?.id}`, { method: "DELETE" })), "200 ok")
  assert.deepEqual(await ended[0], [])
  for (const query of ["?sort=x", "?limit=x", "?offset=-1"]) {
    assert.equal(codeOf(await ask(server, `/admin/streams${query}`)), "400 invalid_request", query)
  }
})

test("the live numbers count what happened in the hub", async (t) => {
  const server = await serveAdmin(t)
  const reader = new AbortController()
  t.after(() => reader.abort())
  await fetch(`${server.url}/events?topic=news`, { signal: reader.signal })
  await publish(server, { topic: "news", data: "hello" })
  assert.equal((await fetch(`${server.url}/events?topic=room/7`)).status, 403)
  const [history, stats] = await readEvents(`${server.adminUrl}/admin/live`, 2, OPERATOR)
  const { every } = JSON.parse(history?.data ?? "") as { every: number }
  assert.deepEqual([history?.event, every, stats?.event], ["history", 5_000, "stats"])
  const { workers, log } = JSON.parse(stats?.data ?? "") as {
    workers: { streams: object; counts: Record<string, number>; refused: object; resumed: object }[]
    log: { isUp: boolean; entries: number }
  }
  assert.equal(workers.length, 1)
  const { counts = {}, refused, resumed } = workers[0] ?? {}
  assert.deepEqual([counts["published"], counts["delivered"], counts["opened"], counts["refused"]], [1, 1, 1, 1])
  assert.deepEqual([refused, resumed], [{ topic_not_allowed: 1 }, { live: 1 }])
  assert.deepEqual([log.isUp, log.entries], [true, 1])
})

test("the dashboard allows only its own files, and the demo page is not on the admin port", async (t) => {
  const server = await serveAdmin(t, { auth: undefined as never, demo: true })
  const page = await fetch(`${server.adminUrl}/admin`)
  assert.equal(page.url, `${server.adminUrl}/admin/ui/`)
  assert.match(await page.text(), /<title>Onward dashboard<\/title>/)
  const policy = page.headers.get("content-security-policy")?.split("; ") ?? []
  assert.deepEqual(policy.sort(), [
    "base-uri 'none'",
    "connect-src 'self'",
    "default-src 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "img-src 'self' data:",
    "require-trusted-types-for 'script'",
    "script-src 'self'",
    "style-src 'self'",
    "trusted-types 'none'",
  ])
  const statusOf = async (url: string): Promise<number> => (await fetch(url)).status
  for (const path of [
    "ui/main.js",
    "ui/dashboard.css",
    "page/style.css",
    "page/elements.js",
    "page/onward/client/index.js",
  ]) {
    assert.equal(await statusOf(`${server.adminUrl}/admin/${path}`), 200, path)
  }
  for (const path of [
    "/",
    "/admin/page/index.html",
    "/admin/page/main.js",
    "/demo/about",
    "/admin/ui/..%2fpackage.json",
    "/events?topic=news",
  ]) {
    assert.equal(await statusOf(`${server.adminUrl}${path}`), 404, path)
  }
  assert.equal(await statusOf(`${server.url}/`), 200)
  for (const path of ["/admin/ui/", "/admin/session", "/admin/streams"]) {
    assert.equal(await statusOf(`${server.url}${path}`), 404, path)
  }
})
