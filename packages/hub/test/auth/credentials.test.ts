import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { test, type TestContext } from "node:test"
import { createForward } from "../../src/auth/forward.ts"
import { AuthRefusal, type AuthOptions } from "../../src/auth/index.ts"
import { readEvents } from "../read-events.ts"
import { publish, testServer, type TestServer } from "../server.ts"
import { ADMIN_KEY, AUTH, bearer, PUBLISH_KEY, signToken, textOf } from "./tokens.ts"

const TICKETS: AuthOptions = {
  ...AUTH,
  keys: [...(AUTH.keys ?? []), { name: "admin", key: ADMIN_KEY, publish: [], admin: true }],
  tickets: { secret: "the secret of tickets has more than thirty-two bytes" },
}

interface Said {
  readonly status: number
  readonly body: { readonly ticket?: string; readonly error?: { readonly code: string } }
  /** The log's line about it. */
  readonly reason: string | undefined
}

async function ask(server: TestServer, path: string, init?: RequestInit): Promise<Said> {
  const response = await fetch(server.url + path, init)
  const body = JSON.parse(await textOf(response)) as Said["body"]
  const id = response.headers.get("x-request-id")
  const line = server.errors.find((error) => error instanceof AuthRefusal && error.requestId === id)
  return { status: response.status, body, reason: (line as AuthRefusal | undefined)?.reason }
}

const post = (server: TestServer, path: string, headers: Record<string, string>, fields = {}): Promise<Said> =>
  ask(server, path, { method: "POST", headers, body: new URLSearchParams(fields) })

const serve = (t: TestContext, auth: AuthOptions): Promise<TestServer> => testServer(t, { auth, log: "memory:" })

test("a page reads and publishes with the token in its cookie", async (t) => {
  const server = await serve(t, { ...AUTH, cookie: {} })
  const cookie = `other=1; __Host-onward=${await signToken({ onward: { publish: ["a"], subscribe: ["a"] } })}`
  for (const from of [{ origin: server.url }, { "sec-fetch-site": "same-origin" }] as Record<string, string>[]) {
    assert.equal((await post(server, "/publish", { cookie, ...from }, { topic: "a", data: "x" })).status, 200)
  }
  assert.equal((await readEvents(`${server.url}/events?topic=a&last=1`, 1, { cookie })).length, 1)
})

test("a page of another site cannot publish with the cookie of a browser", async (t) => {
  const server = await serve(t, { ...AUTH, cookie: { origins: ["https://app.example.com"] } })
  const cookie = `__Host-onward=${await signToken({ onward: { publish: ["a"] } })}`
  const fields = { topic: "a", data: "x" }
  const foreign: Record<string, string>[] = [
    {},
    { origin: "null" },
    { origin: "https://evil.example" },
    { origin: "https://app.example.com.evil.example" },
    { origin: "http://app.example.com" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "none" },
  ]
  for (const headers of foreign) {
    assert.equal((await post(server, "/publish", { cookie, ...headers }, fields)).status, 403, JSON.stringify(headers))
  }
  const listed = { cookie, origin: "https://app.example.com", "sec-fetch-site": "same-site" }
  assert.equal((await post(server, "/publish", listed, fields)).status, 200)
})

test("a cookie can have a token only, only once, and is read only if that is configured", async (t) => {
  const server = await serve(t, { ...AUTH, cookie: { name: "token" } })
  const token = await signToken({ onward: { subscribe: ["a"] } })
  const key = await ask(server, "/events?topic=a", { headers: { cookie: `token=${PUBLISH_KEY}` } })
  assert.equal(key.reason, "the credential is not a key, and not a JSON Web Token")
  const twice = await ask(server, "/events?topic=a", { headers: { cookie: `token=${token}; token=${token}` } })
  assert.equal(twice.reason, "there are two cookies token")
  const off = await serve(t, AUTH)
  assert.equal((await ask(off, "/events?topic=a", { headers: { cookie: `__Host-onward=${token}` } })).status, 401)
})

test("an invalid Authorization header is refused, also beside a valid cookie", async (t) => {
  const server = await serve(t, { ...AUTH, cookie: { name: "token" }, anonymous: { subscribe: ["a"] } })
  const cookie = `token=${await signToken({ onward: { subscribe: ["a"] } })}`
  for (const authorization of ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "bearer ok_wrong"]) {
    const { status } = await ask(server, "/events?topic=a", { headers: { cookie, authorization } })
    assert.equal(status, 401, authorization)
  }
})

test("a ticket opens one stream, for the topics and the user of its token", async (t) => {
  const server = await testServer(t, { auth: TICKETS, log: "memory:", presence: ["*"] })
  await publish(server.url, { topic: "room/7", data: "x" }, bearer(PUBLISH_KEY))
  const token = await signToken({ onward: { publish: ["*"], subscribe: ["room/*"] } })
  const { body } = await post(server, "/auth/tickets", bearer(token), { topic: "room/7" })
  const path = `/events?topic=room/7&last=1&ticket=${body.ticket}`
  assert.equal((await readEvents(server.url + path, 1)).length, 1)
  const again = await ask(server, path)
  assert.match(again.reason ?? "", /^the ticket of user "ada" of .* was used before$/)
  // a client can write this header too
  assert.equal((await ask(server, path, { headers: { "last-event-id": "1" } })).status, 401)
  const other = await post(server, "/auth/tickets", bearer(token), { topic: "room/7" })
  assert.equal((await ask(server, `/events?topic=room/8&ticket=${other.body.ticket}`)).status, 403)
  const third = await post(server, "/auth/tickets", bearer(token))
  assert.equal((await post(server, `/publish?ticket=${third.body.ticket}`, {}, { topic: "a", data: "x" })).status, 401)
  assert.equal((await post(server, "/auth/tickets", bearer(token), { topic: "other" })).status, 403)
})

test("a backend with an admin key gets a ticket for a user", async (t) => {
  const server = await serve(t, TICKETS)
  await publish(server.url, { topic: "mail/ada", data: "x" }, bearer(PUBLISH_KEY))
  const fields = { userId: "ada", topic: "mail/ada", expiresIn: "60" }
  const { body } = await post(server, "/auth/tickets", bearer(ADMIN_KEY), fields)
  assert.equal((await readEvents(`${server.url}/events?topic=mail/ada&last=1&ticket=${body.ticket}`, 1)).length, 1)
  assert.equal((await post(server, "/auth/tickets", bearer(PUBLISH_KEY), fields)).status, 400)
  assert.equal((await post(server, "/auth/tickets", bearer(ADMIN_KEY), { topic: "a" })).status, 400)
})

test("a ticket can be used again with Last-Event-ID if that is configured, so that EventSource reconnects", async (t) => {
  const { secret } = TICKETS.tickets as NonNullable<AuthOptions["tickets"]>
  const server = await serve(t, { ...TICKETS, tickets: { secret, reconnect: true, expiresIn: 10_000 } })
  const id = await publish(server.url, { topic: "a", data: "1" }, bearer(PUBLISH_KEY))
  await publish(server.url, { topic: "a", data: "2" }, bearer(PUBLISH_KEY))
  const token = await signToken({ onward: { subscribe: ["a"] } })
  const { body } = await post(server, "/auth/tickets", bearer(token))
  const path = `/events?topic=a&ticket=${body.ticket}`
  await readEvents(`${server.url}${path}&last=1`, 1)
  const [event] = await readEvents(server.url + path, 1, { "last-event-id": id })
  assert.equal(event?.data, "2")
  assert.equal((await ask(server, path)).status, 401)
})

test("a ticket that has expired, belongs to another hub or was changed is refused", async (t) => {
  const { secret } = TICKETS.tickets as NonNullable<AuthOptions["tickets"]>
  const late = await serve(t, { ...TICKETS, tickets: { secret, expiresIn: 0 } })
  const foreign = await serve(t, { ...TICKETS, tickets: { secret: `another ${secret}` } })
  const token = await signToken({ onward: { subscribe: ["a"] } })
  const { body } = await post(late, "/auth/tickets", bearer(token))
  const [head, payload, signature] = String(body.ticket).split(".")
  assert.match((await ask(late, `/events?topic=a&ticket=${body.ticket}`)).reason ?? "", /had to be used \d+ s ago$/)
  for (const ticket of [
    body.ticket,
    token,
    `${head}.${payload}.`,
    `${head}.${payload}x.${signature}`,
    "a".repeat(5_000),
    "",
  ]) {
    assert.equal((await ask(foreign, `/events?topic=a&ticket=${ticket}`)).status, 401)
  }
  // a ticket is no token
  assert.equal((await ask(late, "/events?topic=a", { headers: bearer(String(body.ticket)) })).status, 401)
})

/** A server of an application that knows sessions. */
async function application(
  t: TestContext,
  answer: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/session`
}

test("the application decides on the permissions of a session, and is asked once for many requests", async (t) => {
  const asked: unknown[] = []
  const url = await application(t, (req, res) => {
    void text(req).then((body) => {
      const question = JSON.parse(body) as { readonly headers: { readonly cookie: string } }
      asked.push(question)
      if (question.headers.cookie === "session=bad") return res.writeHead(401).end()
      if (question.headers.cookie === "session=banned") return res.writeHead(403).end()
      res.end(JSON.stringify({ userId: "ada", subscribe: ["mail/ada"], publish: ["a"], expiresIn: 60 }))
    })
  })
  const server = await serve(t, { ...AUTH, forward: { url } })
  await publish(server.url, { topic: "mail/ada", data: "x" }, bearer(PUBLISH_KEY))
  const cookie = "session=1"
  const path = "/events?topic=mail/ada&last=1"
  const all = await Promise.all(Array.from({ length: 20 }, () => readEvents(server.url + path, 1, { cookie })))
  assert.equal(all.length, 20)
  assert.deepEqual(asked, [{ headers: { cookie }, address: "127.0.0.1" }])
  assert.equal((await ask(server, "/events?topic=mail/bob", { headers: { cookie } })).status, 403)
  assert.equal((await ask(server, path, { headers: { cookie: "session=bad" } })).status, 401)
  assert.equal((await ask(server, path, { headers: { cookie: "session=banned" } })).status, 403)
  assert.equal((await ask(server, path)).reason, "no credential")
  const fields = { topic: "a", data: "x" }
  assert.equal((await post(server, "/publish", { cookie }, fields)).status, 403)
  assert.equal((await post(server, "/publish", { cookie, origin: server.url }, fields)).status, 200)
})

test("while the application does not respond, or responds incorrectly, nothing is allowed", async (t) => {
  const answers = ["", "{", "[]", '{"subscribe":"a"}', '{"subscribe":["a{"],"userId":1}', '{"expiresIn":-1}', "500"]
  let answer = ""
  const url = await application(t, (_, res) => void (answer === "500" ? res.writeHead(500).end() : res.end(answer)))
  const server = await serve(t, { ...AUTH, forward: { url, cache: 0, timeout: 200 } })
  for (answer of answers) {
    const said = await ask(server, "/events?topic=a", { headers: { cookie: "session=1", accept: "application/json" } })
    assert.equal(said.status, 503, answer)
  }
})

test("one caller cannot use up all questions to the application, and can ask again when its own are answered", async (t) => {
  const held: ServerResponse[] = []
  const url = await application(t, async (req, res) => {
    if ((await text(req)).includes("held")) held.push(res)
    else res.end('{"subscribe":["a"]}')
  })
  const server = await serve(t, { ...AUTH, forward: { url, timeout: 60_000 } })
  const statusFrom = (localAddress: string, cookie: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const headers = { cookie, accept: "*/*" }
      const asked = request({ port: server.port, localAddress, path: "/events?topic=a", headers, agent: false })
      asked.once("error", reject)
      asked.once("response", (res) => {
        resolve(res.statusCode)
        res.destroy()
      })
      asked.end()
    })
  for (const round of [1, 2]) {
    const statuses: unknown[] = []
    const flood = Array.from({ length: 120 }, async (_, i) =>
      statuses.push(await statusFrom("127.0.66.6", `session=held-${round}-${i}`)),
    )
    while (statuses.length < 95) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepEqual([...new Set(statuses)], [503])
    assert.equal(await statusFrom("127.0.0.1", `session=${round}`), 200)
    while (held.length < 25) await new Promise((resolve) => setTimeout(resolve, 5))
    // each answer makes room for one more question
    held.shift()?.writeHead(401).end()
    while (!statuses.includes(401)) await new Promise((resolve) => setTimeout(resolve, 5))
    const next = statusFrom("127.0.66.6", `session=held-${round}-next`)
    while (held.length < 25) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(await statusFrom("127.0.66.6", `session=held-${round}-more`), 503)
    for (const res of held.splice(0)) res.writeHead(401).end()
    await Promise.all(flood)
    assert.equal(await next, 401)
    assert.equal(statuses.filter((status) => status === 401).length, 25)
  }
})

test("answers of the application are remembered up to 8 MiB, the newest ones", async (t) => {
  let asked = 0
  const url = await application(t, async (req, res) => {
    asked++
    await text(req)
    res.end('{"subscribe":["a"]}')
  })
  const { ask } = createForward(
    { url, cache: 60_000 },
    { onError: (error) => assert.fail(String(error)), now: Date.now },
  )
  const session = (i: number): IncomingMessage =>
    ({ headers: { cookie: `session=${i}; ${"x".repeat(60_000)}` }, socket: { remoteAddress: "127.0.0.1" } }) as never
  for (let i = 0; i < 200; i++) await ask(session(i), () => {})
  assert.equal(asked, 200)
  for (let i = 199; i > 100; i--) await ask(session(i), () => {})
  assert.equal(asked, 200)
  await ask(session(0), () => {})
  assert.equal(asked, 201)
})

test("a stream of a session ends when the application no longer allows it", async (t) => {
  let isAllowed = true
  const url = await application(t, (_, res) => {
    if (isAllowed) res.end(JSON.stringify({ userId: "ada", subscribe: ["a"] }))
    else res.writeHead(401).end()
  })
  const server = await serve(t, { ...AUTH, forward: { url, cache: 0, recheck: 100 } })
  const response = await fetch(`${server.url}/events?topic=a`, { headers: { cookie: "session=1" } })
  const ended = response.text()
  isAllowed = false
  await ended
})
