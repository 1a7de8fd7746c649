import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { AuthRefusal, unauthenticated, type AuthOptions } from "../../src/auth/index.ts"
import { limitRefusals } from "../../src/refusal-reports.ts"
import { readEvents } from "../read-events.ts"
import { testServer, type TestServer } from "../server.ts"
import { AUTH, bearer, ISSUER, PUBLISH_KEY, signToken, textOf } from "./tokens.ts"

const serve = (t: TestContext, auth: AuthOptions = AUTH): Promise<TestServer> =>
  testServer(t, { auth, log: "memory:", presence: ["*"] })

interface Said {
  readonly status: number
  readonly code: string
  readonly text: string
  readonly requestId: string | null
}

async function ask(url: string, init?: RequestInit): Promise<Said> {
  const response = await fetch(url, init)
  const text = await textOf(response)
  const { error } = JSON.parse(text) as { readonly error?: { readonly code: string } }
  return { status: response.status, code: error?.code ?? "", text, requestId: response.headers.get("x-request-id") }
}

const send = (url: string, topic: string, headers: Record<string, string> = {}): Promise<Said> =>
  ask(`${url}/publish`, { method: "POST", headers, body: new URLSearchParams({ topic, data: "x" }) })

/** The log's line about the refusal with this id. */
function reasonFor({ errors }: TestServer, { requestId }: Said): string | undefined {
  return errors.find((error): error is AuthRefusal => error instanceof AuthRefusal && error.requestId === requestId)
    ?.reason
}

test("a backend publishes by its key, and a user reads by a token what the token grants", async (t) => {
  const server = await serve(t)
  const token = await signToken({ onward: { subscribe: ["room/*"] } })
  assert.equal((await send(server.url, "room/7", bearer(PUBLISH_KEY))).status, 200)
  const [event] = await readEvents(`${server.url}/events?topic=room/7&last=1`, 1, bearer(token))
  assert.equal(event?.data, "x")
})

test("without a credential nothing can be published or read, and the log has the reason", async (t) => {
  const server = await serve(t)
  for (const path of ["/events?topic=a", "/presence?topic=a", "/presence/events?topic=a"]) {
    const refused = await ask(server.url + path)
    assert.deepEqual([refused.status, refused.code], [401, "unauthenticated"])
    assert.equal(reasonFor(server, refused), "no credential")
  }
  assert.equal((await send(server.url, "a")).status, 401)
  const refused = await ask(`${server.url}/events?topic=a&access_token=secret`)
  assert.equal(reasonFor(server, refused), "no credential: a token in the query (access_token) is not read")
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200)
})

test("a topic that is not granted is refused with 403, and the log names the grants", async (t) => {
  const server = await serve(t)
  const token = await signToken({ onward: { subscribe: ["room/*", "users/:id/mail"] } })
  for (const topic of ["secret", "*", "room*", "users/*/mail", "users/1/2/mail", "stream.presence"]) {
    const refused = await ask(`${server.url}/events?${new URLSearchParams({ topic })}`, { headers: bearer(token) })
    assert.deepEqual([refused.status, refused.code], [403, "topic_not_allowed"], topic)
    assert.equal(
      reasonFor(server, refused),
      `user "ada" of "${ISSUER}" may subscribe [room/*, users/:segment/mail], not "${topic}"`,
    )
    assert.doesNotMatch(refused.text, /segment|ada/)
  }
  const refused = await send(server.url, "room/7", bearer(token))
  assert.equal(reasonFor(server, refused), `user "ada" of "${ISSUER}" may publish [], not "room/7"`)
})

test("a batch with one topic that is not granted publishes nothing", async (t) => {
  const server = await serve(t)
  const token = await signToken({ onward: { publish: ["a"], subscribe: ["*"] } })
  const body = JSON.stringify([
    { topic: "a", data: 1 },
    { topic: "b", data: 2 },
  ])
  const headers = { ...bearer(token), "content-type": "application/json" }
  assert.equal((await ask(`${server.url}/publish`, { method: "POST", headers, body })).status, 403)
  assert.equal((await send(server.url, "a", bearer(token))).status, 200)
  const [first] = await readEvents(`${server.url}/events?topic=*&last=10`, 1, bearer(token))
  assert.equal(first?.data, "x")
})

test("a pattern is granted when the grant covers all that it stands for", async (t) => {
  const { url } = await serve(t)
  const token = await signToken({ onward: { subscribe: ["room/*"] } })
  await send(url, "room/7/chat", bearer(PUBLISH_KEY))
  for (const pattern of ["room/*", "room/:id/chat", "room/7/*"]) {
    const [event] = await readEvents(
      `${url}/events?${new URLSearchParams({ topic: pattern, last: "1" })}`,
      1,
      bearer(token),
    )
    assert.equal(event?.data, "x")
  }
})

test("presence takes the user id from the token, not from the query", async (t) => {
  const { url } = await serve(t)
  const token = await signToken({ onward: { subscribe: ["room/*"] } })
  const leaving = new AbortController()
  const response = await fetch(`${url}/events?topic=room/7&who=mallory&userId=mallory`, {
    headers: bearer(token),
    signal: leaving.signal,
  })
  await response.body?.getReader().read()
  const { text } = await ask(`${url}/presence?topic=room/7`, { headers: bearer(token) })
  assert.match(text, /\["ada"\]/)
  leaving.abort()
})

test("anonymous permissions need no credential, and an invalid credential is refused even then", async (t) => {
  const server = await serve(t, { ...AUTH, anonymous: { subscribe: ["public/*"] } })
  await send(server.url, "public/news", bearer(PUBLISH_KEY))
  assert.equal((await readEvents(`${server.url}/events?topic=public/news&last=1`, 1)).length, 1)
  const refused = await ask(`${server.url}/events?topic=private`)
  assert.equal(refused.status, 403)
  assert.equal(reasonFor(server, refused), 'anonymous may subscribe [public/*], not "private"')
  const wrong = await ask(`${server.url}/events?topic=public/news`, { headers: bearer("ok_wrong") })
  assert.equal(wrong.status, 401)
  assert.equal(reasonFor(server, wrong), "the key is not one of auth.keys")
})

test("the log has the reason why a token is refused, and the client does not learn it", async (t) => {
  const server = await serve(t)
  const now = Math.floor(Date.now() / 1_000)
  const cases: [token: string, reason: RegExp][] = [
    [await signToken({ exp: now - 12 }), /^the token of "https:\/\/app\.example\.com" for "ada" expired 1\d s ago$/],
    [await signToken({ nbf: now + 60 }), /is not valid before \d+ s from now$/],
    [await signToken({ aud: "other" }), /^aud is "other", want "https:\/\/events\.example\.com"$/],
    [await signToken({ iss: "other" }), /^no key for the issuer "other"$/],
    [await signToken({}, "another secret of more than thirty-two bytes"), /^the signature does not fit the key of/],
    [await signToken({ exp: undefined as never }), /has no exp$/],
    [await signToken({ exp: now + 90_000 }), /lives for another \d+ s, longer than auth\.maxTokenLifetime$/],
    [await signToken({ onward: { subscribe: ["a{b}*"] } }), /^the grants of the token cannot be read: a pattern knows/],
    ["not.a.token", /^the credential is not a key, and not a JSON Web Token$/],
  ]
  const answers = new Set<string>()
  for (const [token, reason] of cases) {
    const refused = await ask(`${server.url}/events?topic=a`, { headers: bearer(token) })
    assert.equal(refused.status, 401)
    assert.match(reasonFor(server, refused) ?? "", reason)
    answers.add(refused.text)
  }
  assert.equal(answers.size, 1)
})

test("two keys are accepted at once, so that one can replace the other", async (t) => {
  const other = "ok_another-key-of-more-than-32-characters"
  const { url } = await serve(t, {
    keys: [
      { name: "old", key: PUBLISH_KEY },
      { name: "new", key: other, publish: ["a"] },
    ],
  })
  assert.equal((await send(url, "a", bearer(PUBLISH_KEY))).status, 200)
  assert.equal((await send(url, "a", bearer(other))).status, 200)
  assert.equal((await send(url, "b", bearer(other))).status, 403)
})

test("after many refusals, only a limited number of lines is printed", () => {
  let time = 0
  const lines: Error[] = []
  const print = limitRefusals(
    (line) => lines.push(line),
    () => time,
  )
  const refuse = (): void => print(unauthenticated("no credential"))
  for (let i = 0; i < 300; i++) refuse()
  assert.equal(lines.length, 100)
  time += 1_000
  for (let i = 0; i < 300; i++) refuse()
  assert.equal(lines.length, 120)
})
