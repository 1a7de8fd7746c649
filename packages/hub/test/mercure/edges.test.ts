import assert from "node:assert/strict"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { test } from "node:test"
import { AuthRefusal } from "../../src/auth/index.ts"
import { ask, asking, bearer, DIALECTS, ISSUER, KEY, mercureHub, open, RESOURCE, send, tokenOf } from "./mercure-hub.ts"

const METADATA = "/.well-known/oauth-protected-resource/.well-known/mercure"

test("59: the metadata tell how to get a token, on the hosts that the hub serves", async (t) => {
  const hub = await mercureHub(t, { subscriptions: true })
  const { status, text } = await ask(hub.url + METADATA)
  assert.equal(status, 200)
  assert.deepEqual(JSON.parse(text), {
    resource: RESOURCE,
    authorization_servers: [ISSUER],
    bearer_methods_supported: ["header"],
    authorization_details_types_supported: ["https://mercure.rocks/authorization-detail"],
    mercure_cookie: "__Secure-mercure_access_token",
    mercure_matcher_types_supported: ["exact", "urlpattern"],
    mercure_subscriptions: `${hub.url}/.well-known/mercure/subscriptions`,
  })
  const publicUrls = ["https://hub.example.com", "https://events.example.com"]
  const named = await mercureHub(t, { resource: undefined }, { publicUrls })
  const at = async (host: string): Promise<[number, string]> => {
    const { request } = await import("node:http")
    return new Promise((resolve, reject) => {
      const sent = request(named.url + METADATA, { headers: { host } }, async (res) => {
        let body = ""
        for await (const chunk of res) body += chunk
        resolve([res.statusCode ?? 0, body])
      })
      sent.once("error", reject).end()
    })
  }
  for (const url of publicUrls) {
    const [answered, body] = await at(new URL(url).host)
    assert.equal(answered, 200)
    assert.equal((JSON.parse(body) as { resource: string }).resource, `${url}/.well-known/mercure`)
  }
  assert.equal((await at("127.0.0.1"))[0], 421)
  // tokens for each of them are accepted
  for (const url of publicUrls) {
    const token = await tokenOf(1, { publish: ["*"], claims: { aud: `${url}/.well-known/mercure` } })
    assert.equal((await send(named, 1, [["topic", "a"]], { token })).status, 200)
  }
  const open = await mercureHub(t, { publisher: undefined, subscriber: undefined, issuers: undefined })
  assert.equal((await ask(open.url + METADATA)).status, 404)
})

test("60: a page of a listed origin can read every answer, errors included, and others can read none", async (t) => {
  const origin = "https://app.example.com"
  const hub = await mercureHub(
    t,
    { anonymous: false },
    { cors: { origins: [origin], credentials: true }, publishRate: 1 },
  )
  const good = await tokenOf(1, { publish: ["a"], subscribe: ["a"] })
  const tooLarge = await send(
    hub,
    1,
    [
      ["topic", "a"],
      ["data", "x".repeat(1024 ** 2)],
    ],
    { token: good, headers: { origin } },
  )
  const answers = await Promise.all([
    Promise.resolve(tooLarge),
    ask(`${hub.hub}?match=a`, { headers: { origin } }),
    ask(`${hub.hub}?match=a`, { headers: { origin, ...bearer(good) } }),
    ask(`${hub.hub}?match=a&match_x=b`, { headers: { origin, ...bearer(good) } }),
    send(hub, 1, [["topic", "b"]], { token: good, headers: { origin } }),
    send(hub, 1, [["topic", "a"]], { token: good, headers: { origin } }),
    ...Array.from({ length: 4 }, () => send(hub, 1, [["topic", "a"]], { token: good, headers: { origin } })),
  ])
  const statuses = new Set(answers.map(({ status }) => status))
  for (const status of [401, 200, 400, 413, 429])
    assert.ok(statuses.has(status), `${status} in ${[...statuses].join()}`)
  for (const { status, headers } of answers) {
    assert.equal(headers.get("access-control-allow-origin"), origin, String(status))
    assert.equal(headers.get("access-control-allow-credentials"), "true")
    for (const name of ["mercure-last-event-id", "last-event-id", "link", "etag", "www-authenticate"]) {
      assert.match(headers.get("access-control-expose-headers") ?? "", new RegExp(`(^|, )${name}(,|$)`))
    }
  }
  for (const method of ["GET", "HEAD", "POST", "QUERY"]) {
    const preflight = await ask(hub.hub, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,cache-control,last-event-id",
      },
    })
    assert.equal(preflight.status, 204)
    assert.match(preflight.headers.get("access-control-allow-methods") ?? "", new RegExp(method))
  }
  const foreign = await ask(`${hub.hub}?match=a`, { headers: { origin: "https://evil.example.com", ...bearer(good) } })
  assert.equal(foreign.headers.has("access-control-allow-origin"), false)
})

test("61: tokens and keys stand in no log, answer or error", async (t) => {
  const hub = await mercureHub(t, { anonymous: false })
  const planted = "planted-secret"
  const tokens = await Promise.all(
    DIALECTS.map((dialect) => tokenOf(dialect, { subscribe: ["a"], claims: { note: planted } })),
  )
  const said: string[] = []
  for (const token of [...tokens, `${tokens[0]}x`, `${tokens[1]}x`, planted]) {
    const requests: readonly [query: string, headers: Record<string, string>][] = [
      [`topic=b&authorization=${token}`, {}],
      ["topic=b", bearer(token)],
      ["match=b", bearer(token)],
      ["topic=b", { cookie: `mercureAuthorization=${token}` }],
      ["match=b", { cookie: `__Secure-mercure_access_token=${token}` }],
    ]
    for (const [query, headers] of requests) {
      const { text, headers: answered } = await ask(`${hub.hub}?${query}`, { headers })
      said.push(text, JSON.stringify([...answered]))
    }
    const { text } = await send(hub, 0, [["topic", "b"]], { token })
    said.push(text)
  }
  const reasons = hub.errors.map((error) =>
    error instanceof AuthRefusal ? `${error.reason} ${error.message}` : String(error),
  )
  await hub.close()
  const log = await readFile(join(hub.data, "access.log"), "utf8")
  const all = [...said, ...reasons, log].join("\n")
  assert.match(log, /topic=b/)
  for (const secret of [
    planted,
    KEY,
    tokens[0]?.split(".")[2],
    tokens[1]?.split(".")[2],
    Buffer.from(planted).toString("base64url").slice(1, -2),
  ]) {
    assert.equal(all.includes(secret as string), false)
  }
})

test("62: an EventSource beyond a limit is refused softly, and other clients by a status", async (t) => {
  const hub = await mercureHub(t, {}, { limits: { streamsPerAddress: 1 } })
  await open(t, hub, asking(0, "a"))
  const soft = await fetch(`${hub.hub}?topic=a`, { headers: { accept: "text/event-stream" } })
  assert.equal(soft.status, 200)
  assert.match(await soft.text(), /^: refused: too_many_connections_for_key\n[^]*^retry: \d{4,5}$/m)
  const hard = await ask(`${hub.hub}?topic=a`)
  assert.equal(hard.status, 429)
  assert.match(hard.text, /^[^\n{]+$/)
})

test("63: a connect with 1,000 new patterns does not hold up the hub, and patterns are limited per client", async (t) => {
  const hub = await mercureHub(t, {}, { limits: { patternsPerAddress: 1_500 } })
  const patterns = (from: number): string =>
    Array.from({ length: 1_000 }, (_, i) => `match_urlpattern=/room/${from + i}/:id`).join("&")
  const stream = await open(t, hub, patterns(0))
  const reader = await open(t, hub, "match=/room/7/x")
  await send(hub, 1, [
    ["topic", "/room/7/x"],
    ["data", "1"],
  ])
  assert.equal((await stream.next()).data, "1")
  assert.equal((await reader.next()).data, "1")
  assert.equal((await ask(`${hub.hub}?${patterns(5_000)}`)).status, 429)
})
