import assert from "node:assert/strict"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { parse } from "onward/protocol"
import { AuthRefusal } from "../../src/auth/index.ts"
import { begin, chat, createProvider } from "../gateway/provider.ts"
import { publish, testServer, type TestServer } from "../server.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { ADMIN_AUTH, ADMIN_KEY, bearer, ISSUER, PUBLISH_KEY, signToken } from "./tokens.ts"

interface Stream {
  readonly connection: string | null
  /** Data of events so far. */
  readonly data: string[]
  readonly ended: Promise<void>
}

/** Reads a stream until the hub ends it. */
async function listen(t: TestContext, { url }: TestServer, token: string, query = "topic=room/7"): Promise<Stream> {
  const leaving = new AbortController()
  t.after(() => leaving.abort())
  const response = await fetch(`${url}/events?${query}`, { headers: bearer(token), signal: leaving.signal })
  assert.equal(response.status, 200)
  const data: string[] = []
  const read = async (): Promise<void> => {
    for await (const event of parse(response.body as ReadableStream<Uint8Array>)) {
      if (event.event !== "stream.checkpoint") data.push(event.data)
    }
  }
  const ended = read().catch((error: unknown) => {
    if (!leaving.signal.aborted) throw error
  })
  return { connection: response.headers.get("onward-connection"), data, ended }
}

async function post(url: string, token: string, fields: Record<string, string>): Promise<number> {
  const response = await fetch(url, { method: "POST", headers: bearer(token), body: new URLSearchParams(fields) })
  await response.text()
  return response.status
}

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds

const isOpen = (stream: Stream): Promise<boolean> => Promise.race([stream.ended.then(() => false), sleep(50, true)])

/** Two hubs on one log. */
async function twoHubs(t: TestContext): Promise<[first: TestServer, second: TestServer, log: string]> {
  const log = `sqlite:${join(temporaryFolder(t), "events.db")}`
  return [await testServer(t, { auth: ADMIN_AUTH, log }), await testServer(t, { auth: ADMIN_AUTH, log }), log]
}

test("a stream ends when its token expires, and its client is refused with that token", async (t) => {
  const server = await testServer(t, { auth: ADMIN_AUTH, log: "memory:" })
  const exp = inSeconds(2)
  const token = await signToken({ exp, onward: { subscribe: ["room/*"] } })
  const stream = await listen(t, server, token)
  await stream.ended
  assert.ok(Date.now() <= exp * 1_000 + 1_000, "it ended late")
  await publish(server.url, { topic: "room/7", data: "late" }, bearer(PUBLISH_KEY))
  assert.deepEqual(stream.data, [])
  await sleep(Math.max(0, exp * 1_000 - Date.now()))
  assert.equal((await fetch(`${server.url}/events?topic=room/7`, { headers: bearer(token) })).status, 401)
})

test("a stream is renewed with a new token of its user, and continues after the old one has expired", async (t) => {
  const server = await testServer(t, { auth: ADMIN_AUTH, log: "memory:" })
  const grants = { onward: { subscribe: ["room/*"] } }
  const stream = await listen(t, server, await signToken({ ...grants, exp: inSeconds(2) }))
  const connection = stream.connection ?? ""
  const mallory = await signToken({ ...grants, sub: "mallory" })
  await post(`${server.url}/auth/renew`, mallory, { connection })
  assert.equal(await post(`${server.url}/auth/renew`, await signToken(grants), { connection }), 200)
  await sleep(2_200)
  assert.equal(await isOpen(stream), true)
  await publish(server.url, { topic: "room/7", data: "later" }, bearer(PUBLISH_KEY))
  await sleep(50)
  assert.deepEqual(stream.data, ["later"])
})

test("another user cannot renew a stream", async (t) => {
  const server = await testServer(t, { auth: ADMIN_AUTH, log: "memory:" })
  const stream = await listen(t, server, await signToken({ exp: inSeconds(2), onward: { subscribe: ["room/*"] } }))
  for (const claims of [{ sub: "mallory" }, { sub: undefined as never }]) {
    const token = await signToken({ ...claims, onward: { subscribe: ["*"] } })
    await post(`${server.url}/auth/renew`, token, { connection: stream.connection ?? "" })
  }
  await stream.ended
})

test("a stream ends when it is renewed with grants that do not cover it", async (t) => {
  const server = await testServer(t, { auth: ADMIN_AUTH, log: "memory:" })
  const stream = await listen(t, server, await signToken({ onward: { subscribe: ["room/*"] } }))
  const narrower = await signToken({ onward: { subscribe: ["room/8"] } })
  assert.equal(await post(`${server.url}/auth/renew`, narrower, { connection: stream.connection ?? "" }), 403)
  await stream.ended
})

test("a stream is renewed at another hub of the same log", async (t) => {
  const [first, second] = await twoHubs(t)
  const grants = { onward: { subscribe: ["room/*"] } }
  const stream = await listen(t, first, await signToken({ ...grants, exp: inSeconds(8) }))
  const renewed = await signToken(grants)
  assert.equal(await post(`${second.url}/auth/renew`, renewed, { connection: stream.connection ?? "" }), 200)
  await sleep(8_200)
  assert.equal(await isOpen(stream), true)
})

test("a revoked user's streams end at every hub, and earlier tokens are refused, also after a restart", async (t) => {
  const [first, second, log] = await twoHubs(t)
  const token = await signToken({ onward: { subscribe: ["room/*"] } })
  const other = await signToken({ sub: "bob", onward: { subscribe: ["room/*"] } })
  const streams = [await listen(t, first, token), await listen(t, second, token)]
  const bob = await listen(t, second, other)
  assert.equal(await post(`${first.url}/auth/revoke`, ADMIN_KEY, { userId: "ada" }), 200)
  await Promise.all(streams.map(({ ended }) => ended))
  assert.equal(await isOpen(bob), true)
  await second.close()
  const third = await testServer(t, { auth: ADMIN_AUTH, log })
  for (const { url, errors } of [first, third]) {
    assert.equal((await fetch(`${url}/events?topic=room/7`, { headers: bearer(token) })).status, 401)
    const reason = errors.find((error) => error instanceof AuthRefusal)?.reason
    assert.equal(reason, `user "ada" of "${ISSUER}" is revoked`)
  }
})

test("a token is revoked by its id, and other tokens of the user stay valid", async (t) => {
  const server = await testServer(t, { auth: ADMIN_AUTH, log: "memory:" })
  const grants = { onward: { subscribe: ["room/*"] } }
  const lost = await listen(t, server, await signToken({ ...grants, jti: "lost" }))
  const kept = await listen(t, server, await signToken({ ...grants, jti: "kept" }))
  assert.equal(await post(`${server.url}/auth/revoke`, ADMIN_KEY, { tokenId: "lost", issuer: ISSUER }), 200)
  await lost.ended
  assert.equal(await isOpen(kept), true)
})

test("only a key with admin can revoke", async (t) => {
  const server = await testServer(t, { auth: ADMIN_AUTH, log: "memory:" })
  for (const token of [PUBLISH_KEY, await signToken({ onward: { subscribe: ["*"] } })]) {
    assert.equal(await post(`${server.url}/auth/revoke`, token, { userId: "ada" }), 403)
  }
  for (const fields of [{}, { user: "ada" }, { userId: "ada", before: "soon" }, { userId: "" }]) {
    assert.equal(await post(`${server.url}/auth/revoke`, ADMIN_KEY, fields as Record<string, string>), 400)
  }
})

test("the number of streams of one user is limited, and other users are not affected", async (t) => {
  const server = await testServer(t, { auth: { ...ADMIN_AUTH, streamsPerUser: 2 }, log: "memory:" })
  const token = await signToken({ onward: { subscribe: ["room/*"] } })
  await listen(t, server, token)
  await listen(t, server, token)
  assert.equal((await fetch(`${server.url}/events?topic=room/7`, { headers: bearer(token) })).status, 429)
  await listen(t, server, await signToken({ sub: "bob", onward: { subscribe: ["room/*"] } }))
})

test("a viewer of a run is disconnected when its token expires, and the request that started the run by a revocation only", async (t) => {
  const provider = await createProvider(t)
  const server = await testServer(t, {
    auth: ADMIN_AUTH,
    log: "memory:",
    upstream: { url: provider.url, key: "sk-of-the-operator" },
  })
  const grants = { onward: { publish: ["gateway"] } }
  const brief = await signToken({ ...grants, exp: inSeconds(2) })
  const asking = fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...bearer(brief), "content-type": "application/json" },
    body: JSON.stringify({ model: "m", stream: true, messages: [] }),
  })
  const { res } = await provider.call()
  begin(res)
  chat.say(res, { content: "one" })
  const asked = await asking
  const run = asked.headers.get("onward-run") ?? ""
  const view = (token: string): Promise<Response> =>
    fetch(`${server.url}/v1/chat/completions/${run}`, { headers: bearer(token) })
  const viewer = await view(brief)
  const lasting = await view(await signToken(grants))
  const ended: string[] = []
  const endOf = async (name: string, response: Response): Promise<void> => {
    // a stream that is cut rejects
    await response.text().catch(() => "")
    ended.push(name)
  }
  const ends = { viewer: endOf("viewer", viewer), asked: endOf("asked", asked), lasting: endOf("lasting", lasting) }
  await ends.viewer
  assert.deepEqual(ended, ["viewer"])
  assert.equal(await post(`${server.url}/auth/revoke`, ADMIN_KEY, { userId: "ada" }), 200)
  await Promise.all(Object.values(ends))
  assert.equal((await view(await signToken({ ...grants, sub: "bob" }))).status, 404)
  res.destroy()
})
