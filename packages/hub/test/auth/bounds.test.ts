import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog, type Log } from "onward"
import { AuthRefusal, createAuth } from "../../src/auth/index.ts"
import { Grants, toGrant } from "../../src/auth/grants.ts"
import { createPermissions } from "../../src/auth/permissions.ts"
import { principalOfClaims } from "../../src/auth/principal-of-claims.ts"
import type { Principal } from "../../src/auth/principal.ts"
import { shown } from "../../src/auth/refusal.ts"
import { createRevocations } from "../../src/auth/revocations.ts"
import { createSessions } from "../../src/auth/sessions.ts"
import { readTemplate } from "../../src/auth/template.ts"
import { createTickets } from "../../src/auth/tickets.ts"
import { AUTH, signToken } from "./tokens.ts"

const list = (count: number, text: string): string[] => Array.from({ length: count }, (_, i) => text + i)
const MINUTE = 60_000
const NOW = 1_700_000_000_000

const principal = (more: Partial<Principal> = {}): Principal => ({
  name: 'user "ada"',
  method: "jwt",
  issuer: "app",
  userId: "ada",
  grants: { publish: Grants.none, subscribe: new Grants(["a"]) },
  expiresAt: NOW + MINUTE,
  issuedAt: NOW,
  isAdmin: false,
  ...more,
})

test("a credential can have a thousand grants, of which a hundred are patterns", () => {
  const patterns = list(100, "p/*/").map(toGrant)
  assert.equal(new Grants([...patterns, ...list(900, "t")]).size, 1_000)
  assert.throws(() => new Grants([...patterns, ...list(901, "t")]), /more than 1000 topics and patterns/)
  assert.throws(() => new Grants([...patterns, toGrant("one/*")]), /more than 100 patterns/)
})

test("a grant can have 1,024 bytes and 8 wildcards", () => {
  assert.ok(toGrant("é".repeat(512)))
  assert.throws(() => toGrant("é".repeat(513)), /more than 1024 bytes/)
  assert.ok(toGrant("a/*/:b/*/:b/*/:b/*/:b"))
  assert.throws(() => toGrant("a/*/:b/*/:b/*/:b/*/:b/*"), /more than 8 wildcards/)
})

test("the log shows ten grants, and how many more there are", () => {
  assert.equal(new Grants(list(3, "t")).toString(), "[t0, t1, t2]")
  assert.equal(new Grants(list(10, "t")).toString(), `[${list(10, "t").join(", ")}]`)
  assert.equal(new Grants(list(12, "t")).toString(), `[${list(10, "t").join(", ")}, and 2 more]`)
  assert.deepEqual([shown("x".repeat(100)), shown("x".repeat(101))], ["x".repeat(100), `${"x".repeat(100)}…`])
})

test("a claim fills a template with up to 256 characters, a hundred values and a thousand topics", () => {
  const template = readTemplate("{a}/{b}")
  assert.equal(template.grantsFor({ a: "x".repeat(256), b: "y" }).length, 1)
  assert.equal(template.grantsFor({ a: list(101, "x"), b: "y" }).length, 100)
  assert.equal(template.grantsFor({ a: list(100, "x"), b: list(10, "y") }).length, 1_000)
  assert.throws(() => template.grantsFor({ a: list(77, "x"), b: list(13, "y") }), /more than 1000 topics/)
  const long = readTemplate(`${"x".repeat(1_000)}{a}`)
  assert.deepEqual(
    [24, 25].map((length) => long.grantsFor({ a: "x".repeat(length) }).length),
    [1, 0],
  )
})

test("a permission applies if each of its claims has the value, or is a list that holds it", () => {
  const grants = createPermissions([
    { when: { role: "editor", level: 2 }, publish: ["news"], subscribe: ["drafts/{sub}"] },
    { subscribe: ["news"] },
  ])
  const granted = (claims: object) => {
    const { publish, subscribe } = grants(claims as never, "onward")
    return [[...publish], [...subscribe]]
  }
  assert.deepEqual(granted({ sub: "ada", role: ["a", "editor"], level: 2 }), [["news"], ["drafts/ada", "news"]])
  for (const claims of [{ role: "editor" }, { role: "editor", level: "2" }, { role: ["a"], level: 2 }, { level: 2 }]) {
    assert.deepEqual(granted({ sub: "ada", ...claims }), [[], ["news"]], JSON.stringify(claims))
  }
  assert.deepEqual(granted({ role: "editor", level: 2, onward: { publish: ["own"] } }), [["own"], []])
})

test("a token is accepted up to its limits, and not beyond", () => {
  const rules = {
    options: { issuer: "app", audience: "hub" },
    grantsOf: createPermissions([]),
    maxLifetime: 2 * MINUTE,
    tolerance: 5_000,
    now: NOW,
  }
  const seconds = NOW / 1_000
  const read = (claims: object): Principal => principalOfClaims({ sub: "ada", exp: seconds + 60, ...claims }, rules)
  assert.partialDeepStrictEqual(read({}), { expiresAt: NOW + MINUTE, issuedAt: 0, userId: "ada", isAdmin: false })
  assert.equal(read({ exp: seconds + 125 }).expiresAt, NOW + 125_000)
  assert.throws(() => read({ exp: seconds + 125.5 }), { reason: /lives for another 125 s, longer than/ })
  assert.equal(read({ iat: seconds + 5 }).issuedAt, NOW + 5_000)
  assert.throws(() => read({ iat: seconds + 6 }), { reason: "the token was issued in the future (iat)" })
  assert.equal(read({ sub: "x".repeat(256) }).userId?.length, 256)
  for (const sub of ["x".repeat(257), "", "\ud800", 1]) assert.throws(() => read({ sub }), AuthRefusal)
  assert.equal(read({ sub: undefined }).name, 'a token of "app"')
  assert.equal(read({ jti: "one" }).tokenId, "one")
  assert.ok(!("tokenId" in read({ jti: 1 })))
})

test("a ticket is accepted once, in its time, and while its grants last", async () => {
  let now = NOW
  const used = new Set<string>()
  const use = async (id: string): Promise<boolean> => used.size === used.add(id).size
  const secret = "a secret of more than thirty-two bytes, for tests"
  const tickets = createTickets({ secret }, { use, now: () => now })
  const accept = async (after: number, expiresAt: number, lastEventId?: string): Promise<Principal> => {
    now = NOW
    const { ticket, expiresIn } = await tickets.create(principal({ expiresAt }))
    assert.equal(expiresIn, 30)
    now += after
    const accepted = await tickets.accept(ticket, lastEventId)
    await assert.rejects(tickets.accept(ticket, lastEventId), { reason: 'the ticket of user "ada" was used before' })
    return accepted
  }
  assert.deepEqual(await accept(29_999, NOW + MINUTE), principal({ method: "ticket" }))
  assert.equal((await accept(0, Infinity)).expiresAt, Infinity)
  await assert.rejects(accept(30_000, NOW + MINUTE), { reason: /had to be used 0 s ago$/, outcome: "expired" })
  await assert.rejects(accept(31_001, NOW + MINUTE, "1"), { reason: /had to be used 2 s ago$/ })
  await assert.rejects(accept(10_000, NOW + 10_000), { reason: /grants of the ticket of .* expired 0 s ago$/ })
  await accept(9_999, NOW + 10_000)
  await assert.rejects(tickets.accept("x".repeat(4_097), undefined), { reason: /more than 4096 characters/ })
  await assert.rejects(tickets.accept("x".repeat(4_096), undefined), { reason: /not one of this hub/ })
  const wide = principal({ grants: { publish: Grants.none, subscribe: new Grants(list(500, "a-long-topic/")) } })
  await assert.rejects(tickets.create(wide), { status: 400, code: "invalid_request" })
})

test("a ticket that can be used again needs Last-Event-ID then, and ends with its grants", async () => {
  let now = NOW
  const secret = "a secret of more than thirty-two bytes, for tests"
  const tickets = createTickets({ secret, reconnect: true }, { use: async () => true, now: () => now })
  const { ticket } = await tickets.create(principal())
  now += MINUTE - 1
  assert.equal((await tickets.accept(ticket, "1")).userId, "ada")
  await assert.rejects(tickets.accept(ticket, undefined), AuthRefusal)
  now += 1
  await assert.rejects(tickets.accept(ticket, "1"), { outcome: "expired" })
})

test("a revocation concerns what it names, if issued before it, for as long as a token can live", () => {
  let now = NOW
  const revocations = createRevocations({ keep: MINUTE, now: () => now })
  const ada = principal({ issuedAt: NOW - 1, tokenId: "one" })
  assert.ok(!revocations.has(ada))
  for (const revocation of [
    ...[{ userId: "bob" }, { issuer: "other" }, { issuer: "other", userId: "ada" }, { tokenId: "two" }],
    ...[{ userId: "ada", tokenId: "two" }],
  ]) {
    revocations.add({ ...revocation, before: NOW })
    assert.ok(!revocations.has(ada), JSON.stringify(revocation))
  }
  for (const revocation of [
    ...[{ userId: "ada" }, { issuer: "app" }, { tokenId: "one" }, { issuer: "app", userId: "ada", tokenId: "one" }],
  ]) {
    const each = createRevocations({ keep: MINUTE, now: () => now })
    each.add({ ...revocation, before: NOW })
    assert.ok(each.has(ada), JSON.stringify(revocation))
    assert.ok(!each.has({ ...ada, issuedAt: NOW }), "a token that was issued later is not revoked")
    const { issuer: _, ...key } = ada
    assert.ok(!each.has(key), "keys have no issuer, and are not revoked")
    each.add({ ...revocation, before: NOW - 10 })
    assert.ok(each.has(ada), "an earlier revocation does not undo a later one")
  }
  revocations.add({ userId: "ada", before: NOW })
  now += MINUTE - 1
  revocations.add({ userId: "carol", before: NOW })
  assert.ok(revocations.has(ada) && revocations.has(principal({ userId: "carol", issuedAt: 0 })))
  now += 1
  revocations.add({ userId: "dora", before: NOW })
  assert.ok(!revocations.has(ada) && !revocations.has(principal({ userId: "dora", issuedAt: 0 })))
})

test("tokens may live for a day unless the operator says otherwise, and revocations are kept for as long", async () => {
  for (const [maxTokenLifetime, expected] of [
    [undefined, 86_400_000],
    [MINUTE, MINUTE],
  ] as const) {
    let kept = 0
    const openLog = async (keep: number): Promise<Log> => {
      kept = keep
      return memoryLog()
    }
    const options = { ...AUTH, ...(maxTokenLifetime !== undefined && { maxTokenLifetime }) }
    const auth = await createAuth(options, { openLog, onError() {}, now: () => NOW })
    assert.equal(kept, expected)
    const seconds = (NOW + expected + 5_000) / 1_000
    assert.equal((await auth.verify(await signToken({ iat: 1, exp: seconds }))).expiresAt, seconds * 1_000)
    await assert.rejects(async () => auth.verify(await signToken({ iat: 1, exp: seconds + 0.001 })), AuthRefusal)
    await auth.stop()
  }
})

test("ten thousand revocations are in force at once, and old ones make room", () => {
  let now = NOW
  const revocations = createRevocations({ keep: MINUTE, now: () => now })
  for (let i = 0; i < 9_999; i++) revocations.add({ userId: `${i}`, before: NOW })
  revocations.admit()
  revocations.add({ userId: "last", before: NOW + 1 })
  assert.throws(() => revocations.admit(), { status: 503, code: "too_many_revocations" })
  now += MINUTE
  revocations.admit()
  assert.ok(revocations.has(principal({ userId: "last" })))
})

test("a user has as many streams as allowed, per issuer, and a closed one makes room", () => {
  const sessions = createSessions({ perUser: 2, isRevoked: ({ userId }) => userId === "bob", now: () => NOW })
  const open = (more: Partial<Principal> = {}) => sessions.open(principal({ expiresAt: Infinity, ...more }), ["a"])
  const first = open()
  open()
  assert.throws(() => open(), { status: 429, code: "too_many_connections_for_key" })
  open({ issuer: "other" })
  const { userId: _, ...anonymous } = principal({ expiresAt: Infinity })
  for (let i = 0; i < 5; i++) sessions.open(anonymous, [])
  assert.equal(sessions.size, 8)
  sessions.close(first)
  sessions.close(first)
  open()
  assert.throws(() => open(), { status: 429 })
  assert.throws(() => open({ userId: "bob" }), { reason: 'user "ada" is revoked', outcome: "revoked" })
  assert.throws(() => open({ userId: "eve", expiresAt: NOW }), { outcome: "expired" })
  sessions.close(open({ userId: "eve", expiresAt: NOW + 1 }))
  sessions.stop()
})

test("a stream is renewed by its user only, for topics that the new grants cover", async () => {
  const sessions = createSessions({ perUser: 9, isRevoked: () => false, now: () => NOW })
  const stream = sessions.open(principal(), ["a"])
  assert.equal(sessions.renew("another", principal()), undefined)
  assert.equal(sessions.renew(stream.connection, principal({ userId: "bob" })), undefined)
  assert.equal(sessions.renew(stream.connection, principal({ issuer: "other" })), undefined)
  const { userId: _, ...anonymous } = principal()
  assert.equal(sessions.renew(stream.connection, anonymous), undefined)
  assert.equal(sessions.renew(sessions.open(anonymous, []).connection, anonymous), undefined)
  assert.equal(sessions.renew(stream.connection, principal({ expiresAt: NOW + 2 * MINUTE })), true)
  await new Promise((resolve) => void setImmediate(resolve))
  assert.ok(!stream.signal.aborted)
  const grants = { publish: Grants.none, subscribe: new Grants(["b"]) }
  assert.equal(sessions.renew(stream.connection, principal({ grants })), false)
  await new Promise((resolve) => void setImmediate(resolve))
  assert.equal(stream.signal.reason, "revoked")
  sessions.stop()
})
