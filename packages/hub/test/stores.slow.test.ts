import assert from "node:assert/strict"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { stream } from "onward/client"
import { reservePort } from "../../onward/test/reserve-port.ts"
import { natsMissing, startNats } from "../../onward/test/stores/nats.ts"
import { postgresMissing, startPostgres } from "../../onward/test/stores/postgres.ts"
import { redisMissing, startRedis } from "../../onward/test/stores/redis.ts"
import { runOnward, serveOnward } from "./onward.ts"
import { ADMIN_AUTH, ADMIN_KEY, bearer, signToken } from "./auth/tokens.ts"
import { publish, testServer } from "./server.ts"
import { temporaryFolder } from "./temporary-folder.ts"

/** A store a hub can keep its log in. */
interface Engine {
  readonly name: string
  readonly missing: string | undefined
  start(): Promise<Server>
  /** The address of a store at a port, with a password nobody has there. */
  readonly wrong: (port: number) => string
}

interface Server {
  readonly port: number
  /** What `--log` is given. */
  readonly address: string
  kill(): Promise<void>
  restart(): Promise<void>
  close(): Promise<void>
}

const SECRET = "s3cret"

const engines: readonly Engine[] = [
  {
    name: "NATS",
    missing: natsMissing,
    async start() {
      const server = await startNats({ configuration: `authorization { user: hub, password: ${SECRET} }` })
      return { ...server, address: `nats://hub:${SECRET}@127.0.0.1:${server.port}` }
    },
    wrong: (port) => `nats://hub:wr0ng@127.0.0.1:${port}`,
  },
  {
    name: "PostgreSQL",
    missing: postgresMissing,
    async start() {
      const server = await startPostgres({ password: SECRET })
      return Object.assign(server, { address: server.url })
    },
    wrong: (port) => `postgres://onward:wr0ng@127.0.0.1:${port}/postgres`,
  },
  {
    name: "Redis",
    missing: redisMissing,
    async start() {
      const server = await startRedis({ password: SECRET })
      return Object.assign(server, { address: server.url })
    },
    wrong: (port) => `redis://:wr0ng@127.0.0.1:${port}`,
  },
]

for (const { name, missing, start, wrong } of engines) {
  let store: Server
  before(async () => void (missing === undefined && (store = await start())))
  after(() => store?.close())

  test(`hubs share a log in ${name}, and wait for it while it is unavailable`, { skip: missing }, async (t) => {
    const folder = temporaryFolder(t)
    const args = ["--log", store.address]
    const one = await serveOnward(t, { data: join(folder, "one"), args })
    const two = await serveOnward(t, { data: join(folder, "two"), args })
    const leave = new AbortController()
    t.after(() => leave.abort())
    const events = stream(`${two.url}/events?topic=news&last_event_id=earliest`, { signal: leave.signal })
    const next = async (): Promise<string | undefined> => (await events.next()).value?.data

    await publish(one.url, { topic: "news", data: "before" })
    assert.equal(await next(), "before", "what one was given, the other one streams")

    await store.kill()
    const body = new URLSearchParams({ topic: "news", data: "while", id: "while" })
    const refused = await fetch(`${one.url}/publish`, { method: "POST", body })
    assert.equal(refused.status, 503)
    assert.match(refused.headers.get("retry-after") ?? "", /^\d+$/)
    assert.equal((await fetch(`${one.url}/healthz`)).status, 503)

    await store.restart()
    for (;;) {
      const id = await publish(one.url, { topic: "news", data: "while", id: "while" }).catch(() => undefined)
      if (id !== undefined) break
      await sleep(50)
    }
    await publish(one.url, { topic: "news", data: "after" })
    assert.deepEqual([await next(), await next()], ["while", "after"], "the stream stood, and missed nothing")
    assert.equal((await fetch(`${one.url}/healthz`)).status, 200)
    for (const { printed } of [one, two]) assert.ok(!printed().includes(SECRET), "the password is shown nowhere")
  })

  test(
    `a user revoked at one hub is disconnected at another one, with a log in ${name}`,
    { skip: missing },
    async (t) => {
      const one = await testServer(t, { auth: ADMIN_AUTH, log: store.address })
      const two = await testServer(t, { auth: ADMIN_AUTH, log: store.address })
      const token = await signToken({ onward: { subscribe: ["room/*"] } })
      const read = (): Promise<Response> => fetch(`${two.url}/events?topic=room/7`, { headers: bearer(token) })
      const response = await read()
      assert.equal(response.status, 200)
      const revoked = await fetch(`${one.url}/auth/revoke`, {
        method: "POST",
        headers: bearer(ADMIN_KEY),
        body: new URLSearchParams({ userId: "ada" }),
      })
      assert.equal(revoked.status, 200)
      await response.text()
      assert.equal((await read()).status, 401)
    },
  )

  test(`metrics tell the size of the log in ${name}, and that no process lags`, { skip: missing }, async (t) => {
    const { url, adminUrl } = await testServer(t, { log: store.address, admin: { port: 0 } })
    await publish(url, { topic: "size", data: "x".repeat(10_000) })
    const read = async (): Promise<string> => (await fetch(`${adminUrl}/metrics`)).text()
    const [, bytes] = /^onward_log_bytes (\d+)$/m.exec(await read()) ?? []
    assert.ok(Number(bytes) > 5_000, `${bytes} bytes`)
    // what was stored a moment ago may be on its way
    while (!/^onward_log_tail_lag_seconds 0$/m.test(await read())) await sleep(20)
  })

  test(`an invalid address of ${name} is one line and exit code 1`, { skip: missing }, async (t) => {
    const data = temporaryFolder(t)
    const denied = runOnward(t, ["serve", "--port", "0", "--data", data, "--log", wrong(store.port)])
    assert.equal(await denied.ended, 1)
    assert.match(denied.printed(), /^onward: [^\n]*\(log_denied\)\n$/)
    assert.ok(!denied.printed().includes("wr0ng"))
    const away = runOnward(t, ["serve", "--port", "0", "--data", data, "--log", wrong(await reservePort())])
    assert.equal(await away.ended, 1)
    assert.match(away.printed(), /^onward: [^\n]*\(log_unavailable\)\n$/)
  })
}
