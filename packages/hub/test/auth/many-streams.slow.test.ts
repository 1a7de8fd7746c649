import assert from "node:assert/strict"
import { Agent, get } from "node:http"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import type { AuthOptions } from "../../src/auth/index.ts"
import { publish, testServer, type TestServer } from "../server.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { ADMIN_KEY, AUDIENCE, AUTH, bearer, ISSUER, PUBLISH_KEY, SECRET, signToken } from "./tokens.ts"

const STREAMS = 500
/** Between two publishes, in ms: some 50,000 deliveries a second. */
const PAUSE_MS = 20
/** Most that a busy machine may add, in ms; what an idle one takes is printed. */
const GENEROUS_MS = 10_000

const OPTIONS: AuthOptions = {
  keys: [...(AUTH.keys ?? []), { name: "admin", key: ADMIN_KEY, admin: true }],
  issuers: [...(AUTH.issuers ?? []), { issuer: "other", audience: AUDIENCE, secret: SECRET }],
}

interface Stream {
  /** When it ended. */
  readonly ended: Promise<number>
  /** When the newest event was published that it got. */
  newest: number
}

/** Opens a stream whose events are the times at which they were published. */
function open(t: TestContext, server: TestServer, token: string, agent: Agent): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const options = { headers: { ...bearer(token), accept: "text/event-stream" }, agent }
    const request = get(`${server.url}/events?topic=times`, options, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`status ${response.statusCode}`))
      const ended = new Promise<number>((end) => response.once("close", () => end(Date.now())))
      const stream: Stream = { ended, newest: 0 }
      response.setEncoding("latin1").on("data", (text: string) => {
        for (const [, time = "0"] of text.matchAll(/^data: (\d+)$/gm)) stream.newest = Number(time)
      })
      resolve(stream)
    })
    request.once("error", reject)
    t.after(() => request.destroy())
  })
}

const p99 = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] as number

test("1,000 streams end under load, half by their tokens and half by a revocation at another hub", async (t) => {
  const log = `sqlite:${join(temporaryFolder(t), "events.db")}`
  const limits = { streamsPerAddress: 2 * STREAMS }
  const [server, other] = [
    await testServer(t, { auth: OPTIONS, log, limits }),
    await testServer(t, { auth: OPTIONS, log }),
  ]
  const agent = new Agent({ maxSockets: Infinity })
  t.after(() => agent.destroy())
  const onward = { subscribe: ["times"] }
  const openMany = async (claims: object): Promise<Stream[]> => {
    const streams: Stream[] = []
    for (let i = 0; i < STREAMS; i++) {
      const token = await signToken({ onward, sub: `user-${i}`, jti: `token-${i}`, ...claims })
      streams.push(await open(t, server, token, agent))
    }
    return streams
  }
  const revoked = await openMany({ iss: "other" })
  const startedAt = Date.now()
  const exp = Math.ceil(startedAt / 1_000) + 15
  const expiring = await openMany({ iss: ISSUER, exp })
  assert.ok(Date.now() < exp * 1_000 - 2_000, "the machine is too busy to open the streams before their tokens expire")

  const stopping = new AbortController()
  const publishing = (async () => {
    while (!stopping.signal.aborted) {
      await publish(server.url, { topic: "times", data: String(Date.now()) }, bearer(PUBLISH_KEY))
      await sleep(PAUSE_MS)
    }
  })()
  t.after(async () => {
    stopping.abort()
    await publishing
  })

  const revokedAt = Date.now()
  const response = await fetch(`${other.url}/auth/revoke`, {
    method: "POST",
    headers: bearer(ADMIN_KEY),
    body: new URLSearchParams({ issuer: "other" }),
  })
  assert.equal(response.status, 200)
  const afterRevocation = (await Promise.all(revoked.map(({ ended }) => ended))).map((at) => at - revokedAt)
  const afterExpiry = (await Promise.all(expiring.map(({ ended }) => ended))).map((at) => at - exp * 1_000)
  stopping.abort()
  await publishing

  t.diagnostic(
    `streams ended ${p99(afterRevocation)} ms after the revocation and ${p99(afterExpiry)} ms after exp (p99)`,
  )
  assert.ok(p99(afterRevocation) < GENEROUS_MS)
  assert.ok(p99(afterExpiry) < GENEROUS_MS)
  for (const { newest } of revoked) assert.ok(newest < revokedAt + GENEROUS_MS)
  assert.ok(expiring.some(({ newest }) => newest > 0))
  // each of them ended before its token did, or as late as the machine was busy
  const late = expiring.filter(({ newest }) => newest > exp * 1_000 + Math.max(0, ...afterExpiry))
  assert.equal(late.length, 0)
  for (const token of [await signToken({ iss: "other", iat: Math.floor(startedAt / 1_000) - 1, onward })]) {
    assert.equal((await fetch(`${server.url}/events?topic=times`, { headers: bearer(token) })).status, 401)
  }
})
