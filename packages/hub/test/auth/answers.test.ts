import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { readFields } from "../../src/auth/fields.ts"
import { createForward } from "../../src/auth/forward.ts"
import { Grants } from "../../src/auth/grants.ts"
import { numberOf, secretOf } from "../../src/auth/options.ts"
import { checkOwnPage } from "../../src/auth/own-page.ts"
import type { Principal } from "../../src/auth/principal.ts"
import { principalOfTicket } from "../../src/auth/ticket-grants.ts"

const START = 1_700_000_000_000
const MINUTE = 60_000

const principal = (more: Partial<Principal> = {}): Principal => ({
  ...{ name: "ada", method: "jwt", issuer: "app", userId: "ada", expiresAt: START + MINUTE, issuedAt: START },
  ...{ grants: { publish: Grants.none, subscribe: new Grants(["a"]) }, isAdmin: false },
  ...more,
})

/** A server of forward auth that gives this answer. */
async function forwardTo(t: TestContext, answer: () => string, options: object = {}) {
  let asked = 0
  const server = createServer((_, res) => {
    asked++
    res.end(answer())
  }).listen(0, "127.0.0.1")
  t.after(() => server.close().closeAllConnections())
  await once(server, "listening")
  const clock = { monotonic: 0 }
  const forward = createForward(
    { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, headers: ["Cookie", "X-Key"], ...options },
    { onError() {}, now: () => START, monotonic: () => clock.monotonic },
  )
  const ask = (headers: Record<string, string> = { cookie: "a" }) =>
    forward.ask({ headers, socket: { remoteAddress: "127.0.0.1" } } as unknown as IncomingMessage, () => {})
  return { ask, clock, asked: () => asked }
}

test("the answer about a session is read, and a wrong one allows nothing", async (t) => {
  let answer = ""
  const { ask } = await forwardTo(t, () => answer, { cache: 0 })
  assert.equal(ask({ accept: "a" }), undefined)
  answer = JSON.stringify({ userId: "u".repeat(256), publish: ["p"], subscribe: ["s/*"], expiresIn: 0.5 })
  const found = (await ask({ "x-key": "a" })) as Principal
  assert.partialDeepStrictEqual(found, {
    ...{ method: "forward", issuer: "forward", userId: "u".repeat(256), expiresAt: START + 500, issuedAt: START },
    ...{ isAdmin: false, recheck: { at: START + MINUTE } },
  })
  assert.deepEqual([[...found.grants.publish].length, found.grants.subscribe.covers("s/1")], [1, true])
  answer = "{}"
  const anonymous = (await ask()) as Principal
  assert.deepEqual(
    [anonymous.name, "userId" in anonymous, anonymous.expiresAt],
    ["a session of forward auth", false, Infinity],
  )
  for (answer of [
    ...['{"userId":""}', `{"userId":"${"u".repeat(257)}"}`, '{"userId":1}', '{"expiresIn":0}', '{"expiresIn":"1"}'],
    ...['{"publish":{}}', '{"subscribe":[1]}', "null", '"a"', "[]"],
  ]) {
    await assert.rejects(ask() ?? Promise.resolve(), { status: 503 }, answer)
  }
})

test("an answer about a session is remembered for ten seconds, and never longer than until the next question", async (t) => {
  for (const [options, ms] of [
    [{}, 10_000],
    [{ recheck: 4_000 }, 4_000],
    [{ cache: 20_000 }, 20_000],
  ] as const) {
    const { ask, clock, asked } = await forwardTo(t, () => "{}", options)
    await ask()
    clock.monotonic += ms - 1
    await ask()
    assert.equal(asked(), 1)
    clock.monotonic += 1
    await ask()
    assert.equal(asked(), 2)
    await ask({ cookie: "b" })
    assert.equal(asked(), 3)
  }
})

const request = (body: string, type?: string) => ({
  bodies: { read: (_req: unknown, _res: unknown, use: (text: string) => Promise<unknown>) => use(body) } as never,
  req: { headers: type === undefined ? {} : { "content-type": type } } as IncomingMessage,
  res: undefined as never,
})
const KINDS = { topic: "texts", userId: "text", expiresIn: "seconds", before: "time" } as const
const fieldsOf = async (body: string, type?: string) => readFields(request(body, type), KINDS)

test("fields are read from a form or a JSON object, and each has its limits", async () => {
  const form = { topic: ["a", "b"], userId: ["ada"], expiresIn: ["1"], before: ["2026-12-01"] }
  assert.deepEqual(await fieldsOf("topic=a&topic=b&userId=ada&expiresIn=1&before=2026-12-01"), form)
  const json = '{"topic":["a","b"],"userId":"ada","expiresIn":1,"before":"2026-12-01"}'
  assert.deepEqual(await fieldsOf(json, "Application/JSON; charset=utf-8"), form)
  assert.equal((await fieldsOf(`userId=${"x".repeat(512)}`)).userId?.[0]?.length, 512)
  assert.equal((await fieldsOf("expiresIn=86400")).expiresIn?.[0], "86400")
  const topics = (count: number): string => Array.from({ length: count }, () => "topic=a").join("&")
  assert.equal((await fieldsOf(topics(100))).topic?.length, 100)
  for (const [body, message, isJson] of [
    [topics(101), "`topic` is given more than 100 times"],
    ["userId=a&userId=b", "`userId` is given more than once"],
    [`userId=${"x".repeat(513)}`, "`userId` must be a text of 1 to 512 characters"],
    ["userId=", "`userId` must be a text of 1 to 512 characters"],
    ["topic=", "`topic` must be texts of 1 to 512 characters"],
    ["expiresIn=0", "`expiresIn` must be a number of seconds from 1 to 86400"],
    ["expiresIn=86401", "`expiresIn` must be a number of seconds from 1 to 86400"],
    ["expiresIn=1.5", "`expiresIn` must be a number of seconds from 1 to 86400"],
    ["before=soon", "`before` must be an ISO 8601 time"],
    ["user=a", 'there is no field "user", use topic, userId, expiresIn, before'],
    ["__proto__=a", 'there is no field "__proto__", use topic, userId, expiresIn, before'],
    ["null", "the body must be a JSON object", true],
    ["[]", "the body must be a JSON object", true],
    ["1", "the body must be a JSON object", true],
    ['{"userId":true}', "`userId` must be a text of 1 to 512 characters", true],
    ['{"userId":["a","b"]}', "`userId` is given more than once", true],
  ] as const) {
    const expected = { status: 400, message: `The request is invalid: ${message}.` }
    await assert.rejects(fieldsOf(body, isJson ? "application/json" : undefined), expected, body)
  }
})

test("a ticket is for its asker, or for the user that an admin names, and for an hour unless they say so", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: START })
  const grants = { publish: new Grants(["a"]), subscribe: new Grants(["a", "b"]) }
  const own = principalOfTicket(principal({ grants }), {})
  assert.deepEqual(
    [own.userId, own.expiresAt, own.grants.publish.size, own.grants.subscribe.size],
    ["ada", START + MINUTE, 0, 2],
  )
  const narrow = principalOfTicket(principal({ grants, expiresAt: Infinity }), { topic: ["a"] })
  assert.deepEqual([[...narrow.grants.subscribe], narrow.expiresAt], [["a"], START + 60 * MINUTE])
  assert.throws(() => principalOfTicket(principal({ grants }), { topic: ["a", "c"] }), { status: 403 })
  for (const fields of [{ userId: ["bob"] }, { expiresIn: ["1"] }]) {
    assert.throws(() => principalOfTicket(principal(), fields), { status: 400 })
  }
  const admin = principal({ isAdmin: true })
  assert.partialDeepStrictEqual(principalOfTicket(admin, { userId: ["bob"], topic: ["x"], expiresIn: ["5"] }), {
    ...{ name: 'user "bob" of a ticket', method: "ticket", issuer: "ticket", userId: "bob", isAdmin: false },
    ...{ expiresAt: START + 5_000, issuedAt: START },
  })
  assert.equal(principalOfTicket(admin, { userId: ["bob"], topic: ["x"] }).expiresAt, START + 60 * MINUTE)
  for (const fields of [{ userId: ["bob"] }, { topic: ["x"] }, { userId: ["bob"], topic: ["a**"] }]) {
    assert.throws(() => principalOfTicket(admin, fields), { status: 400 })
  }
})

test("a cookie is accepted from pages of the hub and of listed origins", () => {
  const check = (headers: Record<string, string>, method = "POST"): void =>
    checkOwnPage({ method, headers } as unknown as IncomingMessage, new Set(["https://app.example"]))
  check({}, "GET")
  check({ origin: "https://evil.example", host: "hub.example" }, "HEAD")
  check({ "sec-fetch-site": "same-origin" })
  check({ origin: "https://app.example", host: "hub.example" })
  check({ origin: "https://hub.example:1", host: "HUB.example:1" })
  check({ origin: "https://hub.example", ":authority": "hub.example" })
  for (const [headers, from] of [
    [{}, "no Origin"],
    [{ "sec-fetch-site": "same-site" }, "no Origin"],
    [
      { origin: "https://evil.example", host: "hub.example", "sec-fetch-site": "same-origin" },
      "Origin https://evil.example",
    ],
    [{ origin: "null", host: "hub.example" }, "Origin null"],
    [{ origin: "https://hub.example" }, "Origin https://hub.example"],
  ] as const) {
    assert.throws(() => check(headers), {
      ...{ status: 403, code: "cookie_not_allowed", outcome: "blocked_origin" },
      reason: `the cookie is not accepted from ${from}: add the origin to auth.cookie.origins`,
    })
  }
})

test("durations are numbers from 0, and secrets have 32 bytes", () => {
  assert.deepEqual([numberOf("a", undefined, 5), numberOf("a", 0, 5)], [5, 0])
  for (const wrong of [-1, Number.NaN, "1" as never])
    assert.throws(() => numberOf("a", wrong, 5), /a must be a number, 0 or more/)
  assert.equal(secretOf("a", "é".repeat(16)).length, 32)
  assert.throws(() => secretOf("a", "x".repeat(31)), /a must have at least 32 bytes, not 31/)
  assert.throws(() => secretOf("a", 1), /not 0/)
})
