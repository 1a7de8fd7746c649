import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { Redis } from "ioredis"
import { createClient } from "redis"
import type { OnwardError } from "../../src/errors.ts"
import { createHub } from "../../src/hub/index.ts"
import { redisLog, type RedisClient } from "../../src/log/redis/index.ts"
import { sse } from "../../src/adapters/node.ts"
import { connect } from "../../src/testing/index.ts"
import { redisMissing, startRedis, type RedisServer, type RedisServerOptions } from "../stores/redis.ts"

const skip = redisMissing ?? false

async function serverFor(t: TestContext, options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis({ appendfsync: "none", ...options })
  t.after(() => server.close())
  return server
}

function clientOf(t: TestContext, url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => 50 })
  client.on("error", () => {})
  t.after(() => client.disconnect())
  return client
}

/** The code a call fails with; its message must say what to do, and nothing secret. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => assert.fail("it did not fail"),
    (error: OnwardError) => error,
  )
  assert.match(error.message, /^log onward:\{log\}: .+/)
  assert.doesNotMatch(error.message, /s3cret/)
  return error.code
}

const pause = (): Promise<void> => new Promise((done) => void setTimeout(done, 10))

const message = { topic: "a", data: "1" }

test("a value that is not a Redis client is refused at once", () => {
  for (const wrong of [undefined, "redis://127.0.0.1", {}, { url: "" }]) {
    assert.throws(() => redisLog(wrong as unknown as RedisClient), /takes a client of ioredis or of redis/)
  }
  const client = new Redis({ lazyConnect: true })
  assert.throws(() => redisLog(client, { name: "a{b}" }), /without braces/)
  assert.throws(() => redisLog(client, { timeout: 0 }), /`timeout` must be/)
  assert.throws(() => redisLog(client, { nmae: "x" } as object), /no option "nmae"/)
})

test("an unreachable server fails a call after `timeout`, and the call can be retried", { skip }, async (t) => {
  const server = await serverFor(t)
  await server.kill()
  const nodeRedis = createClient({ url: server.url, socket: { reconnectStrategy: 50 } })
  nodeRedis.on("error", () => {})
  nodeRedis.connect().catch(() => {})
  t.after(() => nodeRedis.destroy())
  for (const client of [clientOf(t, server.url), nodeRedis]) {
    const log = redisLog(client, { timeout: 100 })
    await assert.rejects(log.append([message]), { code: "log_unavailable", retryable: true })
    assert.equal(await codeOf(log.bounds()), "log_unavailable")
    await log.close()
  }
})

test("a server that hangs fails a call after `timeout`", { skip }, async (t) => {
  const server = await serverFor(t)
  const client = clientOf(t, server.url)
  // a busy machine may need longer to connect
  await redisLog(client, { timeout: 20_000 }).append([message])
  const log = redisLog(client, { timeout: 200 })
  process.kill(server.pid ?? assert.fail(), "SIGSTOP")
  assert.equal(await codeOf(log.append([message])), "log_unavailable")
  process.kill(server.pid ?? assert.fail(), "SIGCONT")
  await log.close()
})

test("a process that was blocked for longer than `timeout` does not report a silent server", { skip }, async (t) => {
  const server = await serverFor(t)
  const log = redisLog(clientOf(t, server.url), { timeout: 100 })
  t.after(() => log.close())
  // until it is connected, however slow this machine is
  while (!(await log.bounds().catch(() => undefined))) await pause()
  const asking = log.bounds()
  // what was asked is on its way by now, and the answer comes while nobody can look
  for (let i = 0; i < 20; i++) await Promise.resolve()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
  await asking
})

test("a missing password, a wrong user and a missing privilege are log_denied", { skip }, async (t) => {
  const server = await serverFor(t, {
    password: "s3cret",
    configuration: [
      "user reader on >s3cret ~onward:{log}* resetchannels -@all +@read +@connection +eval +evalsha +info",
      "user stranger on >s3cret ~other* resetchannels +@all",
    ],
  })
  const { port } = server
  for (const options of [
    { port },
    { port, username: "reader", password: "s3cret" },
    { port, username: "stranger", password: "s3cret" },
  ]) {
    const client = new Redis({ host: "127.0.0.1", ...options })
    client.on("error", () => {})
    t.after(() => client.disconnect())
    const log = redisLog(client)
    assert.equal(await codeOf(log.append([message])), "log_denied", options.username ?? "nobody")
    await log.close()
  }
})

test("the ACL rule of docs/redis.md is enough", { skip }, async (t) => {
  const rule = "on >s3cret ~onward:{log}* resetchannels -@all +@read +@write +@connection +@scripting +info +config|get"
  const server = await serverFor(t, { configuration: [`user onward ${rule}`] })
  const client = new Redis({ host: "127.0.0.1", port: server.port, username: "onward", password: "s3cret" })
  t.after(() => client.disconnect())
  const log = redisLog(client, { retention: { count: 3, topic: { count: 2 } } })
  const wakes: unknown[] = []
  await log.watch((newest) => void wakes.push(newest))
  for (let i = 0; i < 10; i++) await log.append([{ ...message, id: `${i}`, idempotencyKey: `${i}` }])
  await log.trim?.()
  assert.equal((await log.read({ after: (await log.bounds()).first, limit: 10 })).entries.length, 2)
  while ((await server.command("hget", "onward:{log}", "safe")) === "") await pause()
  await log.close()
})

test("a key of another program is not changed, and is log_corrupt", { skip }, async (t) => {
  const server = await serverFor(t)
  const log = redisLog(clientOf(t, server.url))
  await server.command("set", "onward:{log}", "mine")
  assert.equal(await codeOf(log.append([message])), "log_corrupt")
  await server.command("del", "onward:{log}")
  await server.command("hset", "onward:{log}", "mine", "1")
  assert.equal(await codeOf(log.append([message])), "log_corrupt")
  assert.equal(await server.command("hgetall", "onward:{log}"), "mine\n1")
  await log.close()
})

test("a log of a newer version of Onward is log_unsupported", { skip }, async (t) => {
  const server = await serverFor(t)
  const log = redisLog(clientOf(t, server.url))
  await server.command("hset", "onward:{log}", "format", "3")
  assert.equal(await codeOf(log.append([message])), "log_unsupported")
  await log.close()
})

test("without memory appends are log_full, and entries can be read and removed", { skip }, async (t) => {
  const server = await serverFor(t)
  const client = clientOf(t, server.url)
  const log = redisLog(client, { retention: {} })
  await log.append([message, message, message])
  await server.command("config", "set", "maxmemory", "1")
  assert.equal(await codeOf(log.append([message])), "log_full")
  assert.equal((await log.read({ after: (await log.bounds()).first, limit: 10 })).entries.length, 3)
  const smaller = redisLog(client, { retention: { count: 1 } })
  await smaller.trim?.()
  assert.equal((await log.read({ after: (await log.bounds()).first, limit: 10 })).entries.length, 1)
  await server.command("config", "set", "maxmemory", "0")
  await log.append([message])
  assert.equal((await log.read({ after: (await log.bounds()).first, limit: 10 })).entries.length, 2)
  await Promise.all([log.close(), smaller.close()])
})

test("a replica refuses calls: log_unavailable", { skip }, async (t) => {
  const master = await serverFor(t)
  const server = await serverFor(t, { configuration: [`replicaof 127.0.0.1 ${master.port}`] })
  const log = redisLog(clientOf(t, server.url))
  assert.equal(await codeOf(log.append([message])), "log_unavailable")
  assert.equal(await codeOf(log.bounds()), "log_unavailable")
  await log.close()
})

test("a client that loses its connection and sends again stores once", { skip }, async (t) => {
  const server = await serverFor(t)
  const client = clientOf(t, server.url)
  const log = redisLog(client, { timeout: 20_000 })
  const { previous } = await log.append([message])
  const killer = clientOf(t, server.url)
  await killer.ping()
  let isOver = false
  const cutting = (async () => {
    for (let i = 0; i < 30; i++) {
      await killer.call("CLIENT", ["KILL", "TYPE", "normal", "SKIPME", "yes"])
      await pause()
    }
    isOver = true
  })()
  let count = 0
  const over = (): boolean => isOver
  while (!over()) await log.append([{ topic: "a", data: String(++count) }])
  await cutting
  const seen: string[] = []
  for (let after = previous; ;) {
    const { entries, next } = await log.read({ after, limit: 1000 })
    if (next === after) break
    seen.push(...entries.map(({ data }) => data))
    after = next
  }
  assert.deepEqual(seen, ["1", ...Array.from({ length: count }, (_, i) => String(i + 1))])
  await log.close()
})

test(
  "while Redis is unavailable a hub's publishes fail and its subscribers stay, and continue afterwards",
  { skip },
  async (t) => {
    const server = await serverFor(t, { appendfsync: "always" })
    const hub = createHub({ log: redisLog(clientOf(t, server.url), { timeout: 200 }), onError: () => {} })
    t.after(() => hub.close())
    const reader = await connect((req, res) => sse(req, res, hub.subscribe({ topics: ["a"] })), { timeout: 10_000 })
    // a busy machine may take longer than the log waits
    const publish = async (data: string): Promise<void> => {
      while (!(await hub.publish({ topic: "a", data, idempotencyKey: data }).then(Boolean, () => false))) continue
    }
    await publish("before")
    assert.equal((await reader.next()).data, "before")
    while ((await server.command("hget", "onward:{log}", "safe")) === "") await pause()
    await server.kill()
    await assert.rejects(hub.publish({ topic: "a", data: "unsure" }), { code: "log_unavailable", retryable: true })
    await server.restart()
    await publish("after")
    // what was on its way when Redis went may have been stored
    while ((await reader.next()).data !== "after") continue
    assert.deepEqual(
      reader.events.map(({ data }) => data).filter((data) => data !== "unsure"),
      ["before", "after"],
    )
    await reader.cut()
  },
)
