import assert from "node:assert/strict"
import { once } from "node:events"
import { request, type IncomingMessage } from "node:http"
import { test } from "node:test"
import { assertGivesBack } from "../../onward/test/garbage.ts"
import { createClock, type TestClock } from "onward/testing"
import { createSessionStore } from "../src/admin/session-store.ts"
import { createAbandonment } from "../src/gateway/abandonment.ts"
import { limitReports } from "../src/reports.ts"
import { createQuota } from "../src/quota.ts"
import { createThrottle } from "../src/throttle.ts"
import { Announced } from "../src/webhooks/announced.ts"
import { Deliveries, type Delivery } from "../src/webhooks/deliveries.ts"
import type { Webhook } from "../src/webhooks/options.ts"
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

const MERCURE = "/.well-known/mercure"
const FORM = { "content-type": "application/x-www-form-urlencoded" }

interface Visit {
  readonly method?: string
  readonly body?: Buffer
  /** @default of JSON */
  readonly headers?: { readonly "content-type": string }
  /** Whether all of the body is sent, so that there is an answer. @default true without a body */
  readonly isWhole?: boolean
}

/** Begins a request and leaves once the server has answered, or has some of its body. */
async function leave({ port }: TestServer, path: string, options: Visit): Promise<void> {
  const { method = "GET", body, headers = HEADERS, isWhole = !body } = options
  const req = request({ port, host: "127.0.0.1", path, method, agent: false })
  req.on("error", () => {})
  if (body) {
    req.setHeader("content-type", headers["content-type"])
    req.setHeader("content-length", isWhole ? body.length : body.length + 1)
    await new Promise((resolve) => req.write(body, resolve))
  }
  if (isWhole) {
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
  "Mercure streams by QUERY that are left": [
    150,
    (server) => leave(server, MERCURE, { method: "QUERY", body: Buffer.from("topic=a"), headers: FORM, isWhole: true }),
  ],
  "bodies of QUERY that end early, 40 MiB in all": [
    40,
    (server) => leave(server, MERCURE, { method: "QUERY", body: Buffer.alloc(MIB - 10, 0x61), headers: FORM }),
  ],
  "presence streams that are left": [210, (server) => leave(server, "/presence/events?topic=a", {})],
}

for (const [name, [times, visit]] of Object.entries(visits)) {
  test(`a server has released everything after ${name}`, async (t) => {
    // more than visit at once, and fewer than visit in all
    const limits = { presenceStreams: 200, streams: 100, bodiesBytes: 64 * MIB }
    const mercure = { enabled: true, anonymous: true }
    const settings = { presence: ["*"], presenceGrace: 0, publishRate: 0, limits, mercure, admin: { port: 0 } }
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
  "runs that could not be started": () => {
    const abandonment = createAbandonment({
      after: 1_000,
      runsOf: () => undefined,
      onError: (error) => assert.fail(String(error)),
    })
    return (name) => abandonment.own(name, "the owner")()
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

const hook = { key: "hook", label: "hook", url: new URL("http://receiver"), events: new Set() } as unknown as Webhook

/** The deliveries of a webhook whose receiver accepts everything, or nothing. */
function deliveriesTo(accepts: (body: string) => boolean, clock: TestClock, maxPending = 100): Deliveries {
  const deliveries = new Deliveries({
    ...{ hook, timing: clock, maxPending, mayDeliver: () => true, onProgress() {}, report() {} },
    send: async (_, body) => (accepts(body) ? { outcome: "delivered" } : { outcome: "status", failure: "500" }),
  })
  deliveries.begin()
  return deliveries
}

let events = 0
function deliveryOf(key: string): Delivery {
  const position = String(++events).padStart(12, "0")
  return { position, key, time: 0, body: key }
}

for (const [name, accepts, isMine] of [
  ["was delivered", true, true],
  ["its receiver did not accept", false, true],
  ["another hub should have delivered", false, false],
] as const) {
  test(`memory does not grow with 20,000 events on a topic each that ${name}`, async () => {
    const clock = createClock()
    const deliveries = deliveriesTo(() => accepts, clock)
    if (isMine) deliveries.start()
    await assertGivesBack(20_000, async () => {
      for (let i = 0; i < 20_000; i++) {
        const delivery = deliveryOf(`topic ${events}`)
        deliveries.take(delivery.position, delivery)
        if (i % 50 === 0) await clock.settle()
      }
    })
    deliveries.stop()
    assert.equal(clock.timers, 0)
  })
}

test("an event that its receiver never accepts is dropped when too many after it were delivered", async () => {
  const clock = createClock()
  const deliveries = deliveriesTo((body) => body !== "bad", clock, 10)
  deliveries.start()
  for (const key of ["bad", ...Array.from({ length: 50 }, (_, i) => `topic ${i}`)]) {
    const delivery = deliveryOf(key)
    deliveries.take(delivery.position, delivery)
    await clock.pass(60_000)
  }
  const { outcomes, waiting } = deliveries.status
  assert.deepEqual([outcomes.delivered, outcomes.dropped, waiting], [50, 1, 0])
  assert.deepEqual(deliveries.progress().done, [])
  deliveries.stop()
})

test("the state of a topic with 20,000 users is recorded in parts of limited size", () => {
  const before = new Announced()
  before.apply({ event: "topic.occupied", topic: "empty" })
  before.apply({ event: "topic.occupied", topic: "room" })
  for (let i = 0; i < 20_000; i++) before.apply({ event: "user.joined", topic: "room", userId: `user ${i}` })
  const parts = before.parts()
  for (const part of parts) assert.ok(JSON.stringify(part).length < 65_536)
  const after = new Announced()
  after.apply({ event: "topic.occupied", topic: "another" })
  for (const part of parts) after.restore(part)
  assert.deepEqual([...after.topics()].sort(), ["empty", "room"])
  for (const topic of ["empty", "room"]) {
    assert.deepEqual([...before.since(after, topic), ...after.since(before, topic)], [])
  }
})
