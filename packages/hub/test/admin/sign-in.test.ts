import assert from "node:assert/strict"
import { request } from "node:http"
import { test } from "node:test"
import { memoryLog } from "onward"
import { createAccess } from "../../src/admin/access.ts"
import { createSessionStore } from "../../src/admin/session-store.ts"
import { createAuth, hashKey } from "../../src/auth/index.ts"
import { AUTH, PUBLISH_KEY } from "../auth/tokens.ts"
import type { TestServer } from "../server.ts"
import { ADMIN_KEY, ask, bearer, codeOf, serveAdmin, signToken, WITH_ADMIN, type Answer } from "./operator.ts"

const HEADER = { "onward-admin": "1" }

const signIn = (server: TestServer, key: unknown, headers: Record<string, string> = HEADER) =>
  ask<{ isSignedIn?: boolean; name?: string; expiresAt?: number }>(server, "/admin/session", {
    method: "POST",
    headers,
    body: JSON.stringify({ key }),
  })

const cookieOf = ({ headers }: Answer<unknown>): string => headers.getSetCookie()[0] ?? ""

/** Sends a GET with any Host, which `fetch` does not allow. */
function getAs(server: TestServer, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    request(`${server.adminUrl}${path}`, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
      .on("error", reject)
      .end()
  })
}

test("an operator signs in with a key with admin, and the cookie opens the admin API until the sign-out", async (t) => {
  const server = await serveAdmin(t)
  assert.equal(codeOf(await ask(server, "/admin/streams", { headers: {} })), "401 unauthenticated")
  const before = await ask(server, "/admin/session", { headers: {} })
  assert.deepEqual(before.body, { mode: "key", isSignedIn: false })

  const signedIn = await signIn(server, ADMIN_KEY)
  assert.equal(signedIn.status, 200)
  const port = new URL(server.adminUrl).port
  const [, pair = "", attributes] = /^([^;]*); (.*)$/.exec(cookieOf(signedIn)) ?? []
  assert.match(pair, new RegExp(`^__Host-onward-admin-${port}=[\\w-]{43}$`))
  assert.equal(attributes, "Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=43200")
  const headers = { cookie: pair }
  const session = await ask<{ name: string; expiresAt: number }>(server, "/admin/session", { headers })
  assert.equal(session.body.name, 'key "ops"')
  const hours = (session.body.expiresAt - Date.now()) / 3_600_000
  assert.ok(hours > 11.9 && hours <= 12, `${hours} h`)
  assert.equal(codeOf(await ask(server, "/admin/streams", { headers })), "200 ok")

  assert.equal(codeOf(await ask(server, "/admin/streams/1", { method: "DELETE", headers })), "403 missing_header")
  const own = { ...headers, ...HEADER }
  assert.equal(codeOf(await ask(server, "/admin/streams/1", { method: "DELETE", headers: own })), "404 no_such_stream")

  const signedOut = await ask(server, "/admin/session", { method: "DELETE", headers: own })
  assert.match(cookieOf(signedOut), /^__Host-onward-admin-\d+=; .*Max-Age=0$/)
  assert.equal(codeOf(await ask(server, "/admin/streams", { headers })), "401 unauthenticated")
})

test("only a key with admin signs in, by a request that no other page can send", async (t) => {
  const server = await serveAdmin(t)
  for (const key of [PUBLISH_KEY, "wrong", "", await signToken({ onward: { subscribe: ["*"] } })]) {
    const refused = await signIn(server, key)
    assert.equal(codeOf(refused), "401 unauthenticated")
    assert.equal(cookieOf(refused), "")
  }
  assert.equal(codeOf(await signIn(server, 7)), "400 invalid_request")
  assert.equal(codeOf(await signIn(server, ADMIN_KEY, {})), "403 missing_header")
  assert.equal(
    codeOf(await signIn(server, ADMIN_KEY, { ...HEADER, origin: "https://evil.example" })),
    "403 origin_not_allowed",
  )
  for (const key of [PUBLISH_KEY, "wrong"]) {
    assert.equal(codeOf(await ask(server, "/admin/streams", { headers: bearer(key) })), "401 unauthenticated")
  }
  const forged = { cookie: `__Host-onward-admin-${new URL(server.adminUrl).port}=${"A".repeat(43)}` }
  assert.equal(codeOf(await ask(server, "/admin/streams", { headers: forged })), "401 unauthenticated")
})

test("the eleventh attempt to sign in within a minute is refused, and a script with the key is not", async (t) => {
  const server = await serveAdmin(t)
  // a client cannot invent an address, nor get new attempts by a session or by cookies
  for (let i = 0; i < 10; i++) {
    const address = `192.0.2.${i}`
    const more = { "x-forwarded-for": address, forwarded: `for=${address}`, "x-real-ip": address, cookie: `a${i}=b` }
    assert.equal((await signIn(server, "wrong", { ...HEADER, ...more })).status, 401)
  }
  const refused = await signIn(server, ADMIN_KEY, { ...HEADER, "x-forwarded-for": "192.0.2.99" })
  assert.equal(codeOf(refused), "429 too_many_attempts")
  assert.ok(Number(refused.headers.get("retry-after")) > 50)
  assert.equal(codeOf(await ask(server, "/admin/streams")), "200 ok")
})

test("a cookie from before the sign-in never becomes a session, and thousands of cookies are read as any other", async (t) => {
  const server = await serveAdmin(t)
  const planted = `__Host-onward-admin-${new URL(server.adminUrl).port}=${"A".repeat(43)}`
  const signedIn = await signIn(server, ADMIN_KEY, { ...HEADER, cookie: planted })
  const [own = ""] = cookieOf(signedIn).split(";")
  assert.notEqual(own, planted)
  const statusWith = async (cookie: string): Promise<string> =>
    codeOf(await ask(server, "/admin/streams", { headers: { cookie } }))
  assert.equal(await statusWith(planted), "401 unauthenticated")
  assert.equal(await statusWith(`${"c=d; ".repeat(2_000)}${own}`), "200 ok")
  for (const both of [`${planted}; ${own}`, `${own}; ${planted}`]) {
    assert.equal(await statusWith(both), "401 unauthenticated")
  }
})

test("sessions end after 12 hours, and the oldest makes room for the hundred and first", async () => {
  let time = 0
  let step = 0
  const store = createSessionStore({ now: () => time + step, monotonic: () => time })
  const first = await store.create("a", "hash")
  assert.deepEqual(await store.find(first.id), { keyHash: "hash", expiresAt: 43_200_000 })
  assert.equal(await store.find("another"), undefined)
  time = 43_200_000
  assert.equal(await store.find(first.id), undefined)

  const sessions = []
  for (let i = 0; i < 101; i++) sessions.push(await store.create("a", "hash"))
  const found = []
  for (const { id } of sessions) found.push(await store.find(id))
  assert.deepEqual(
    found.flatMap((each, i) => (each ? [] : [i])),
    [0],
  )

  // a sign-in that succeeds clears the failed attempts before it
  for (let i = 0; i < 9; i++) assert.equal(await store.attempt("b"), 0)
  await store.create("b", "hash")
  for (let i = 0; i < 10; i++) assert.equal(await store.attempt("b"), 0)
  assert.equal(await store.attempt("b"), 60)
  assert.equal(await store.attempt("c"), 0)
  time += 59_999
  assert.equal(await store.attempt("b"), 1)
  // setting the clock neither prolongs nor shortens the wait
  step = 3_600_000
  assert.equal(await store.attempt("b"), 1)
  step = -3_600_000
  time += 1
  assert.equal(await store.attempt("b"), 0)
})

test("a session ends when its key is removed from the configuration, or loses admin", async () => {
  const log = memoryLog()
  const auth = await createAuth(WITH_ADMIN, { openLog: async () => log, onError: () => {} })
  const sessions = createSessionStore()
  const access = createAccess({ auth, sessions, address: () => ({ host: "127.0.0.1", port: 1 }) })
  const { id } = await sessions.create("a", hashKey(ADMIN_KEY).toString("hex"))
  const req = { method: "GET", headers: { cookie: `__Host-onward-admin-1=${id}` } } as never
  assert.equal((await access.find(req))?.name, 'key "ops"')
  const key = { name: "ops", key: ADMIN_KEY }
  auth.reload({ ...AUTH, keys: [key, { name: "other", key: PUBLISH_KEY, admin: true }] })
  assert.equal(await access.find(req), undefined)
  auth.reload({ ...AUTH, keys: [{ ...key, admin: true }] })
  assert.equal((await access.find(req))?.name, 'key "ops"')
  auth.reload(AUTH)
  await assert.rejects(access.admit(req), { code: "admin_closed" })
  await auth.stop()
})

test("without authentication the admin API is open on this machine only, and not through a proxy or another name", async (t) => {
  const server = await serveAdmin(t, { auth: undefined as never })
  const { body } = await ask(server, "/admin/session", { headers: {} })
  assert.deepEqual(body, { mode: "open", isSignedIn: true, name: "an operator on this machine" })
  assert.equal(codeOf(await ask(server, "/admin/streams", { headers: {} })), "200 ok")
  const remove = { method: "DELETE" }
  assert.equal(codeOf(await ask(server, "/admin/streams/1", { ...remove, headers: {} })), "403 missing_header")
  assert.equal(codeOf(await ask(server, "/admin/streams/1", { ...remove, headers: HEADER })), "404 no_such_stream")
  for (const name of ["x-forwarded-for", "forwarded", "via"]) {
    assert.equal(
      codeOf(await ask(server, "/admin/streams", { headers: { [name]: "for=10.0.0.1" } })),
      "403 admin_closed",
    )
  }
  assert.equal(await getAs(server, "/admin/streams", { host: "evil.example" }), 403)
  assert.equal(await getAs(server, "/admin/ui/", { host: "evil.example" }), 403)
  assert.equal(await getAs(server, "/admin/streams", { "sec-fetch-site": "cross-site" }), 403)
  assert.equal(await getAs(server, "/readyz", { host: "a-pod" }), 200, "health checks use any name")
})

test("on a port that other machines reach, or with keys of which none has admin, the admin API is closed", async (t) => {
  const open = await serveAdmin(t, { auth: undefined as never, admin: { port: 0, host: "0.0.0.0" } })
  const noAdmin = await serveAdmin(t, { auth: AUTH })
  for (const server of [open, noAdmin]) {
    assert.equal(codeOf(await ask(server, "/admin/streams", { headers: bearer(PUBLISH_KEY) })), "403 admin_closed")
    assert.equal(codeOf(await signIn(server, PUBLISH_KEY)), "403 admin_closed")
    const { body } = await ask(server, "/admin/session", { headers: {} })
    assert.deepEqual(body, { mode: "closed", isSignedIn: false })
    assert.equal((await ask(server, "/readyz", { headers: {} })).status, 200)
  }
})
