import assert from "node:assert/strict"
import { generateKeyPairSync } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { SignJWT } from "jose"
import { createDeadlines } from "../../src/auth/deadlines.ts"
import { readFields } from "../../src/auth/fields.ts"
import { createForward } from "../../src/auth/forward.ts"
import { Grants } from "../../src/auth/grants.ts"
import { createIssuers } from "../../src/auth/issuers.ts"
import { createJwks } from "../../src/auth/jwks.ts"
import { numberOf, secretOf } from "../../src/auth/options.ts"
import { checkOwnPage } from "../../src/auth/own-page.ts"
import { createPermissions } from "../../src/auth/permissions.ts"
import type { Principal } from "../../src/auth/principal.ts"
import { createSessions } from "../../src/auth/sessions.ts"
import { principalOfTicket } from "../../src/auth/ticket-grants.ts"
import { HttpError } from "../../src/http-error.ts"
import { SECRET } from "./tokens.ts"

const START = 1_700_000_000_000
const MINUTE = 60_000

const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

/** A wall clock; timers run by the mocked time. Chance is what `random` says. */
function clockOf(t: TestContext, random = 0): { now: () => number; pass(ms: number): Promise<void> } {
  t.mock.timers.enable({ apis: ["setInterval", "setImmediate"] })
  t.mock.method(Math, "random", () => random)
  let time = START
  return {
    now: () => time,
    async pass(ms) {
      for (let left = ms; left > 0; left -= 250) {
        time += Math.min(left, 250)
        t.mock.timers.tick(Math.min(left, 250))
        await settle()
      }
    },
  }
}

const principal = (more: Partial<Principal> = {}): Principal => ({
  ...{ name: "ada", method: "jwt", issuer: "app", userId: "ada", expiresAt: START + MINUTE, issuedAt: START },
  ...{ grants: { publish: Grants.none, subscribe: new Grants(["a"]) }, isAdmin: false },
  ...more,
})

const sessionsOf = (now: () => number) => createSessions({ perUser: 1_000, isRevoked: () => false, now })

test("a stream ends within a quarter of a second of its grants, or up to two seconds before", async (t) => {
  const clock = clockOf(t)
  const sessions = sessionsOf(clock.now)
  const last = sessions.open(principal(), ["a"])
  const forever = sessions.open(principal({ expiresAt: Infinity }), ["a"])
  t.mock.method(Math, "random", () => 1)
  const first = sessions.open(principal(), ["a"])
  const short = sessions.open(principal({ expiresAt: START + 10_000 }), ["a"])
  await clock.pass(8_500)
  assert.equal(short.signal.aborted, false)
  await clock.pass(500)
  assert.equal(short.signal.reason, "expired")
  await clock.pass(48_500)
  assert.equal(first.signal.aborted, false)
  await clock.pass(500)
  assert.deepEqual([first.signal.reason, last.signal.aborted], ["expired", false])
  await clock.pass(2_000)
  assert.deepEqual([last.signal.reason, forever.signal.aborted], ["expired", false])
  sessions.stop()
})

test("streams that end together end 200 in each turn of the event loop", async (t) => {
  const clock = clockOf(t)
  const sessions = sessionsOf(clock.now)
  const open = Array.from({ length: 500 }, () => sessions.open(principal(), ["a"]))
  const over = (): number => open.filter(({ signal }) => signal.aborted).length
  sessions.end(({ userId }) => userId === "bob")
  assert.equal(over(), 0)
  sessions.end(({ userId }) => userId === "ada")
  const counts: number[] = []
  for (let i = 0; i < 4; i++) {
    t.mock.timers.tick(1)
    counts.push(over())
  }
  assert.equal(counts.at(-1), 500)
  assert.ok(
    counts.every((count) => [200, 400, 500].includes(count)),
    counts.join(),
  )
  assert.equal(open[0]?.signal.reason, "revoked")
  sessions.stop()
})

test("while it cannot be asked whether a stream may go on, it goes on for five minutes", async (t) => {
  const clock = clockOf(t)
  const sessions = sessionsOf(clock.now)
  let asked = 0
  const recheck = (error: Error): Partial<Principal> => ({
    expiresAt: Infinity,
    recheck: {
      at: START + 10_000,
      ask: () => {
        asked++
        return Promise.reject(error)
      },
    },
  })
  const away = sessions.open(principal(recheck(new HttpError(503, "auth_unavailable", ""))), ["a"])
  await clock.pass(10_500)
  assert.deepEqual([asked, away.signal.aborted], [1, false])
  await clock.pass(4_000)
  assert.equal(asked, 1)
  await clock.pass(1_000)
  assert.equal(asked, 2, "asked again after 5 s")
  await clock.pass(290_000)
  assert.ok(!away.signal.aborted && asked > 50, `${asked}`)
  await clock.pass(10_000)
  assert.equal(away.signal.reason, "revoked")
  for (const error of [new HttpError(401, "unauthenticated", ""), new Error("a mistake")]) {
    const other = sessions.open(principal(recheck(error)), ["a"])
    await clock.pass(1_000)
    assert.equal(other.signal.reason, "revoked")
  }
  sessions.stop()
})

test("a stream goes on when its new grants cover it, and is asked about again when they say so", async (t) => {
  const clock = clockOf(t)
  const sessions = sessionsOf(clock.now)
  const answers: Principal[] = []
  const recheck = { at: START + 10_000, ask: async () => answers.shift() as Principal }
  const stream = sessions.open(principal({ expiresAt: Infinity, recheck }), ["a"])
  answers.push(principal({ expiresAt: Infinity, recheck: { ...recheck, at: START + 20_000 } }))
  await clock.pass(10_500)
  assert.deepEqual([answers.length, stream.signal.aborted], [0, false])
  answers.push(principal({ userId: "bob" }))
  await clock.pass(9_000)
  assert.equal(answers.length, 1)
  await clock.pass(1_500)
  assert.equal(stream.signal.reason, "revoked", "another user's session is another stream")
  const ending = sessions.open(principal({ expiresAt: START + 21_500, recheck: { ...recheck, at: START + 22_000 } }), [
    "a",
  ])
  await clock.pass(1_500)
  assert.equal(ending.signal.reason, "expired", "what has ended is not asked about")
  sessions.stop()
})

test("no timer runs while nothing is waiting", (t) => {
  const running = new Set<unknown>()
  t.mock.method(globalThis, "setInterval", () => {
    const timer = { unref: () => timer }
    running.add(timer)
    return timer
  })
  t.mock.method(globalThis, "clearInterval", (timer: unknown) => running.delete(timer))
  const deadlines = createDeadlines<string>({ onDue() {}, now: () => START })
  deadlines.set("a", START + 1_000)
  deadlines.set("b", START + 1_000)
  deadlines.set("b", START + 9_000)
  assert.equal(running.size, 1)
  deadlines.delete("a")
  deadlines.delete("a")
  assert.equal(running.size, 1)
  deadlines.delete("b")
  assert.equal(running.size, 0)
  deadlines.set("c", START)
  assert.equal(running.size, 1)
  deadlines.stop()
  assert.equal(running.size, 0)
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
  const nobody = (await ask()) as Principal
  assert.deepEqual([nobody.name, "userId" in nobody, nobody.expiresAt], ["a session of forward auth", false, Infinity])
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

test("keys of a set are read again after ten minutes, tried again after 30 seconds, and told to the operator", async () => {
  const jwk = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" })
  let [time, loads, isAway] = [0, 0, false]
  const told: boolean[] = []
  const errors: string[] = []
  const jwks = createJwks({
    url: "https://id.example/",
    async load() {
      loads++
      if (isAway) throw new Error("away")
      return { keys: [{ ...jwk, kid: "a", alg: "ES256" }] }
    },
    onLoad: (isLoaded) => told.push(isLoaded),
    onError: (error) => errors.push((error as Error).message),
    monotonic: () => time,
  })
  const getKey = async () => jwks.getKey({ alg: "ES256", kid: "a" }, undefined as never)
  await getKey()
  for (const [ms, expected] of [
    [600_000, 1],
    [1, 2],
    [0, 2],
  ] as const) {
    time += ms
    await getKey()
    await settle()
    assert.equal(loads, expected, `at ${time}`)
  }
  time += 29_999
  assert.equal(await jwks.refresh(), false)
  time += 1
  assert.equal(await jwks.refresh(), true)
  assert.equal(loads, 3)
  isAway = true
  time += 30_000
  assert.equal(await jwks.refresh(), false)
  assert.deepEqual(errors, [
    "The key set https://id.example/ cannot be read: away. Tokens of its issuer are checked with the keys read before.",
  ])
  assert.deepEqual(told, [true, true, true, false])
  time += 3_600_000 - 30_000
  await getKey()
  time += 1
  await assert.rejects(getKey(), { status: 503, code: "auth_unavailable", headers: { "retry-after": "5" } })
})

test("a key set that was never read is tried again after five seconds", async () => {
  let [time, loads] = [0, 0]
  const load = (): Promise<never> => {
    loads++
    return Promise.reject(new Error("away"))
  }
  const jwks = createJwks({ url: "u", load, onError() {}, monotonic: () => time })
  for (const [ms, expected] of [
    [0, 1],
    [4_999, 1],
    [1, 2],
  ] as const) {
    time += ms
    await assert.rejects(async () => jwks.getKey({ alg: "HS256" }, undefined as never), { status: 503 })
    assert.equal(loads, expected)
  }
})

test("a token is verified again after ten minutes, and never accepted after its end", async () => {
  let [now, monotonic, read] = [START, 0, 0]
  const permissions = createPermissions([])
  const issuers = createIssuers({
    issuers: [{ issuer: "app", audience: "hub", secret: SECRET, clockTolerance: 0 }],
    grantsOf: (...given) => {
      read++
      return permissions(...given)
    },
    ...{ maxLifetime: 86_400_000, onError() {}, now: () => now, monotonic: () => monotonic },
  })
  const sign = (typ?: string, exp = START / 1_000 + 1_000): Promise<string> =>
    new SignJWT({ iss: "app", aud: "hub", sub: "ada", exp })
      .setProtectedHeader({ alg: "HS256", ...(typ !== undefined && { typ }) })
      .sign(Buffer.from(SECRET))
  const token = await sign()
  const first = await issuers.verify(token)
  assert.equal(issuers.verify(token), first)
  monotonic += 599_999
  assert.equal(issuers.verify(token), first)
  monotonic += 1
  assert.deepEqual([(await issuers.verify(token)).userId, read], ["ada", 2])
  now += 1_000_000
  await assert.rejects(async () => issuers.verify(token), { outcome: "expired" })
  now = START
  for (const typ of ["jwt", "JWT", "at+jwt", "application/jwt", "application/AT+JWT"]) {
    assert.equal((await issuers.verify(await sign(typ))).userId, "ada", typ)
  }
  await assert.rejects(async () => issuers.verify(await sign("logout+jwt")), {
    reason: /type "logout\+jwt" is for another use/,
  })
  await assert.rejects(async () => issuers.verify("x".repeat(8_193)), {
    reason: "the token has more than 8192 characters",
  })
  await assert.rejects(async () => issuers.verify("x".repeat(8_192)), { reason: /not a JSON Web Token/ })
})

test("durations are numbers from 0, and secrets have 32 bytes", () => {
  assert.deepEqual([numberOf("a", undefined, 5), numberOf("a", 0, 5)], [5, 0])
  for (const wrong of [-1, Number.NaN, "1" as never])
    assert.throws(() => numberOf("a", wrong, 5), /a must be a number, 0 or more/)
  assert.equal(secretOf("a", "é".repeat(16)).length, 32)
  assert.throws(() => secretOf("a", "x".repeat(31)), /a must have at least 32 bytes, not 31/)
  assert.throws(() => secretOf("a", 1), /not 0/)
})
