import assert from "node:assert/strict"
import { generateKeyPairSync } from "node:crypto"
import { test, type TestContext } from "node:test"
import { SignJWT } from "jose"
import { createDeadlines } from "../../src/auth/deadlines.ts"
import { Grants } from "../../src/auth/grants.ts"
import { createIssuers } from "../../src/auth/issuers.ts"
import { createJwks } from "../../src/auth/jwks.ts"
import { createPermissions } from "../../src/auth/permissions.ts"
import type { Principal } from "../../src/auth/principal.ts"
import { createSessions } from "../../src/auth/sessions.ts"
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
