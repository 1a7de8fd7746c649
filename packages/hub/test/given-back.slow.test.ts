import assert from "node:assert/strict"
import { once } from "node:events"
import { request, type IncomingMessage } from "node:http"
import { test } from "node:test"
import { assertGivesBack } from "../../onward/test/garbage.ts"
import { createSessionStore } from "../src/admin/session-store.ts"
import { limitReports } from "../src/reports.ts"
import { createQuota } from "../src/quota.ts"
import { createThrottle } from "../src/throttle.ts"
import { testServer, type TestServer } from "./server.ts"

const MIB = 1024 ** 2

/** Waits until `holds`, for ten seconds at most. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await holds()) return
    await new Promise((resolve) => void setTimeout(resolve, 20))
  }
  assert.fail(`${what} did not happen within 500 tries`)
}

async function statusOf(url: string, init: RequestInit): Promise<number> {
  const response = await fetch(url, init)
  await response.arrayBuffer()
  return response.status
}

const HEADERS = { "content-type": "application/json" }
/** 3 MiB: a message may have one, a body four. */
const batch = JSON.stringify(Array.from({ length: 3 }, () => ({ topic: "a", data: "x".repeat(MIB - 10) })))
const post = (body: string): RequestInit => ({ method: "POST", headers: HEADERS, body })

/** Begins a request and leaves once the server has answered, or has some of its body. */
async function leave({ port }: TestServer, path: string, options: { method?: string; body?: Buffer }): Promise<void> {
  const { method = "GET", body } = options
  const req = request({ port, host: "127.0.0.1", path, method, agent: false })
  req.on("error", () => {})
  if (body) {
    req.setHeader("content-type", "application/json")
    req.setHeader("content-length", body.length + 1)
    await new Promise((resolve) => req.write(body, resolve))
  } else {
    req.end()
    const [res] = (await once(req, "response")) as [IncomingMessage]
    assert.equal(res.statusCode, 200)
  }
  req.destroy()
}

/** What a client does, and how often. Together each takes more than one of its kind may hold. */
const visits: Readonly<Record<string, readonly [times: number, visit: (server: TestServer) => Promise<void>]>> = {
  "bodies that are published, 80 MiB in all": [
    27,
    async ({ url }) => assert.equal(await statusOf(`${url}/publish`, post(batch)), 200),
  ],
  "bodies that are refused, 80 MiB in all": [
    27,
    async ({ url }) => assert.equal(await statusOf(`${url}/publish`, post("[".repeat(3 * MIB))), 400),
  ],
  "bodies that end early, 80 MiB in all": [
    27,
    (server) => leave(server, "/publish", { method: "POST", body: Buffer.alloc(3 * MIB, 0x20) }),
  ],
  "streams that are left": [150, (server) => leave(server, "/events?topic=a", {})],
  "presence streams that are left": [210, (server) => leave(server, "/presence/events?topic=a", {})],
}

for (const [name, [times, visit]] of Object.entries(visits)) {
  test(`a server has released everything after ${name}`, async (t) => {
    // more than visit at once, and fewer than visit in all
    const limits = { presenceStreams: 200, streams: 100 }
    const settings = { presence: ["*"], presenceGrace: 0, publishRate: 0, limits, admin: { port: 0 } }
    const server = await testServer(t, { log: "memory:", ...settings })
    for (let i = 0; i < times; i++) await visit(server)
    await until("every stream ends", async () => {
      const { connections } = (await (await fetch(`${server.adminUrl}/healthz`)).json()) as { connections: number }
      return connections === 0
    })
    await until("bodies have their room again", async () => {
      // a body that was left counts until the server has heard of it
      return (await statusOf(`${server.url}/publish`, post(batch))) === 200
    })
    const present = await fetch(`${server.url}/presence?topic=a`)
    const { topics } = (await present.json()) as { topics: readonly { readonly streams: number }[] }
    assert.deepEqual(
      topics.map(({ streams }) => streams),
      [0],
    )
    const count = (kind: string): number => process.getActiveResourcesInfo().filter((each) => each === kind).length
    // the hub and its admin port
    assert.equal(count("TCPServerWrap"), 2)
    await server.close()
    // of both ends: none is left, the clients' idle ones included
    await until("the server's sockets close", async () => count("TCPServerWrap") + count("TCPSocketWrap") === 0)
  })
}

/** Maps by caller or by kind, which attackers choose. */
const maps: Readonly<Record<string, () => (name: string) => void>> = {
  "accounts of bodies": () => {
    const quota = createQuota({ totalBytes: 1_000, shareBytes: 1_000 })
    return (name) => {
      const account = quota.open(name, () => {})
      account.take(900)
      account.settle()
      account.release()
    }
  },
  "callers whose bodies were refused": () => {
    let now = 0
    const quota = createQuota({ totalBytes: 1_000, shareBytes: 10, now: () => now })
    return (name) => {
      quota.open(name, () => {}).take(10)
      now += 2_000
      // stalled, so it makes room
      const next = quota.open(name, () => {})
      next.take(10)
      next.release()
    }
  },
  "callers that publish": () => {
    const throttle = createThrottle({ rate: 10, now: () => 0 })
    return (name) => throttle.spend(name, 1)
  },
  "addresses that try to sign in to the dashboard": () => {
    const sessions = createSessionStore()
    return (name) => void sessions.attempt(name)
  },
  "sessions of the dashboard": () => {
    const sessions = createSessionStore()
    return (name) => void sessions.create(name, "the hash of a key")
  },
  "kinds of trouble": () => {
    const report = limitReports(() => {})
    return (name) => report(new Error(name))
  },
}

for (const [name, create] of Object.entries(maps)) {
  test(`memory does not grow with 20,000 ${name}`, () => {
    const use = create()
    let made = 0
    return assertGivesBack(20_000, () => {
      for (let i = 0; i < 20_000; i++) use(`name ${++made}`)
    })
  })
}
