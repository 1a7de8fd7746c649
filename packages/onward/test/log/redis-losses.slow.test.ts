import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { Redis } from "ioredis"
import { createClient } from "redis"
import type { Log, Position } from "../../src/log/index.ts"
import { redisLog, type RedisLogOptions } from "../../src/log/redis/index.ts"
import { redisMissing, startRedis, startReplica, type RedisServer, type RedisServerOptions } from "../stores/redis.ts"

const skip = redisMissing ?? false

async function serverFor(t: TestContext, options?: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedis(options)
  t.after(() => server.close())
  return server
}

/** A log on a server, by a client of its own, as another process would have it. */
function logOn(t: TestContext, url: string, options: RedisLogOptions = {}): Log {
  const client = new Redis(url, { retryStrategy: () => 50 })
  client.on("error", () => {})
  const log = redisLog(client, { timeout: 10_000, ...options })
  t.after(async () => {
    client.disconnect()
  })
  return log
}

const append = async (log: Log, ...data: string[]): Promise<Position> =>
  (await log.append(data.map((text) => ({ topic: "a", data: text })))).positions.at(-1) ?? ""

async function readAfter(log: Log, after: Position) {
  const { entries, lost } = await log.read({ after, limit: 100 })
  return { data: entries.map(({ data }) => data), lost: lost?.reason }
}

const pause = (): Promise<void> => new Promise((done) => void setTimeout(done, 10))

/** Waits until the log has noted how the server writes, which it does by the way. */
async function settled(server: RedisServer): Promise<void> {
  while ((await server.command("hget", "onward:{log}", "safe")) === "") await pause()
}

test(
  "with appendfsync always, kill -9 and restart lose nothing, and readers continue without a gap",
  { skip },
  async (t) => {
    const server = await serverFor(t)
    const log = logOn(t, server.url)
    const seen = await append(log, "1")
    await settled(server)
    const acked: Promise<string>[] = []
    for (let i = 2; i < 50; i++) acked.push(append(log, String(i)))
    await Promise.all(acked)
    await server.kill()
    await server.restart()
    const { data, lost } = await readAfter(log, seen)
    assert.equal(lost, undefined)
    assert.deepEqual(
      data,
      Array.from({ length: 48 }, (_, i) => String(i + 2)),
    )
    await append(log, "later")
    assert.equal((await readAfter(log, seen)).lost, undefined)
  },
)

test("with appendfsync everysec, readers receive a gap after a restart", { skip }, async (t) => {
  const server = await serverFor(t, { appendfsync: "everysec" })
  const log = logOn(t, server.url)
  const seen = await append(log, "1")
  await settled(server)
  await server.kill()
  await server.restart()
  assert.deepEqual(await readAfter(log, seen), { data: ["1"], lost: "epoch" })
})

test("a server that is empty after a restart begins a new epoch", { skip }, async (t) => {
  const server = await serverFor(t, { appendfsync: "none" })
  const log = logOn(t, server.url)
  const seen = await append(log, "1", "2", "3")
  await server.kill()
  await server.restart()
  await append(log, "new 1", "new 2", "new 3")
  assert.deepEqual(await readAfter(log, seen), { data: ["new 1", "new 2", "new 3"], lost: "epoch" })
})

for (const [what, ...keys] of [["flushall"], ["del", "onward:{log}:entries:EPOCH"], ["del", "onward:{log}"]] as const) {
  test(`after ${[what, ...keys].join(" ")} readers receive a gap`, { skip }, async (t) => {
    const server = await serverFor(t, { appendfsync: "none" })
    const log = logOn(t, server.url)
    const seen = await append(log, "1", "2")
    const epoch = await server.command("hget", "onward:{log}", "epoch")
    await server.command(what, ...keys.map((key) => key.replace("EPOCH", epoch)))
    const again = logOn(t, server.url)
    await append(again, "new 1", "new 2")
    assert.deepEqual(await readAfter(log, seen), { data: ["new 1", "new 2"], lost: "epoch" })
  })
}

test("a promoted replica begins a new epoch, because acknowledged messages can be missing", { skip }, async (t) => {
  const master = await serverFor(t)
  const replica = await startReplica(master)
  t.after(() => replica.close())
  const log = logOn(t, master.url)
  await append(log, "1")
  await settled(master)
  await master.command("wait", "1", "5000")
  // from here on nothing reaches the replica
  process.kill(replica.pid ?? assert.fail(), "SIGSTOP")
  const unreplicated = await append(log, "lost")
  await master.kill()
  process.kill(replica.pid ?? assert.fail(), "SIGCONT")
  await replica.command("replicaof", "no", "one")

  // another process, which never saw what was lost, goes on first, and gives its place to something else
  const other = logOn(t, replica.url)
  await append(other, "other")
  const { data, lost } = await readAfter(other, unreplicated)
  assert.equal(lost, "epoch")
  assert.equal(data.at(-1), "other")
})

test(
  "a master that was a replica in between begins a new epoch, although its process is the same",
  { skip },
  async (t) => {
    const one = await serverFor(t)
    const log = logOn(t, one.url)
    const seen = await append(log, "1")
    const two = await startReplica(one)
    t.after(() => two.close())
    await two.command("replicaof", "no", "one")
    const unreplicated = await append(log, "lost")
    await one.command("replicaof", "127.0.0.1", `${two.port}`)
    while (!(await one.command("info", "replication")).includes("master_link_status:up")) await pause()
    await one.command("replicaof", "no", "one")
    // another process, which never saw what was lost
    const other = logOn(t, one.url)
    await append(other, "other")
    assert.equal((await readAfter(other, unreplicated)).lost, "epoch")
    assert.equal((await readAfter(other, seen)).lost, "epoch")
  },
)

test("the first replica of a master causes no gap", { skip }, async (t) => {
  const master = await serverFor(t)
  const log = logOn(t, master.url)
  const seen = await append(log, "1")
  const replica = await startReplica(master)
  t.after(() => replica.close())
  await append(log, "2")
  assert.deepEqual(await readAfter(log, seen), { data: ["2"], lost: undefined })
})

test("node-redis continues after a restart, too", { skip }, async (t) => {
  const server = await serverFor(t)
  const client = createClient({ url: server.url, socket: { reconnectStrategy: 50 } })
  client.on("error", () => {})
  await client.connect()
  t.after(() => client.destroy())
  const log = redisLog(client, { timeout: 10_000 })
  t.after(() => log.close())
  const seen = await append(log, "1")
  await settled(server)
  const wakes: unknown[] = []
  await log.watch((newest) => void wakes.push(newest))
  await server.kill()
  await server.restart()
  wakes.length = 0
  await append(logOn(t, server.url), "2")
  while (wakes.length === 0) await pause()
  assert.deepEqual(await readAfter(log, seen), { data: ["2"], lost: undefined })
})

const MIXED = Array.from({ length: 6 }, (_, i) => ({
  topic: i % 2 === 0 ? "a" : "b",
  data: String(i),
  id: `id ${i}`,
  idempotencyKey: `key ${i}`,
}))

/** Keys of a log by what they are for. */
async function keysOf(server: RedisServer, part: RegExp): Promise<string[]> {
  const keys = (await server.command("keys", "onward:{log}*")).split("\n")
  return keys.filter((key) => part.test(key))
}

for (const [what, part] of [
  ["a topic's index", /:topic:[^:]+:b$/],
  ["the indexes of all topics", /:topic:/],
  ["the sizes of topics", /:topics$/],
  ["the ids", /:ids$/],
  ["the idempotency keys", /:keys$/],
  ["the marks of what was removed", /:removed$/],
  ["the marks of empty topics", /:empty$/],
] as const) {
  test(
    `when ${what} of a log is removed or evicted, readers receive a gap, and all kept entries`,
    { skip },
    async (t) => {
      const server = await serverFor(t)
      const [log, other] = [logOn(t, server.url), logOn(t, server.url)]
      // something removed before, and a topic without entries
      const limited = logOn(t, server.url, { retention: { count: 6 } })
      await limited.append([
        { topic: "gone", data: "" },
        { topic: "a", data: "old" },
      ])
      const { positions } = await limited.append(MIXED)
      const seen = positions[0] ?? ""
      assert.equal((await readAfter(other, seen)).data.length, 5)
      const keys = await keysOf(server, part)
      assert.ok(keys.length > 0, "there is such a key")
      await server.command("del", ...keys)
      const { entries, lost } = await log.read({ after: seen, limit: 100, topics: ["b"] })
      assert.equal(lost?.reason, "epoch")
      assert.deepEqual(
        entries.map(({ data }) => data),
        ["1", "3", "5"],
      )
      const all = await other.read({ after: seen, limit: 100 })
      assert.equal(all.lost?.reason, "epoch")
      assert.deepEqual(
        all.entries.map(({ data }) => data),
        ["0", "1", "2", "3", "4", "5"],
      )
      // all is as before: repeats, ids, places, retention
      const again = await limited.append([
        MIXED[3] ?? assert.fail(),
        { topic: "b", data: "6", idempotencyKey: "key 5" },
      ])
      assert.deepEqual(again.positions, [all.entries[3]?.position, all.entries[5]?.position])
      assert.equal(await log.locate({ id: "id 4", topics: ["a"] }), all.entries[4]?.position)
      assert.equal(await log.locate({ last: 2, topics: ["b"] }), all.entries[2]?.position)
      await limited.append(Array.from({ length: 3 }, (_, i) => ({ topic: "b", data: `new ${i}` })))
      const { first } = await log.bounds()
      assert.deepEqual((await readAfter(log, first)).data, ["3", "4", "5", "new 0", "new 1", "new 2"])
      assert.equal((await readAfter(log, all.entries[0]?.position ?? "")).lost, "trimmed")
    },
  )
}

test(
  "an append to a topic whose index was removed is kept, and the next reader receives a gap",
  { skip },
  async (t) => {
    const server = await serverFor(t)
    const log = logOn(t, server.url)
    const { positions } = await log.append(MIXED)
    await server.command("del", ...(await keysOf(server, /:topic:[^:]+:b$/)))
    await log.append([{ topic: "b", data: "6" }])
    const { entries, lost } = await log.read({ after: positions[1] ?? "", limit: 100, topics: ["b"] })
    assert.equal(lost?.reason, "epoch")
    assert.deepEqual(
      entries.map(({ data }) => data),
      ["1", "3", "5", "6"],
    )
  },
)

test("a server that can evict keys of a log is refused, until it cannot", { skip }, async (t) => {
  const server = await serverFor(t)
  const log = logOn(t, server.url)
  for (const policy of ["allkeys-lru", "allkeys-lfu", "allkeys-random"]) {
    await server.command("config", "set", "maxmemory-policy", policy)
    for (const call of [() => append(log, "1"), () => log.bounds()]) {
      await assert.rejects(call, {
        code: "log_unsupported",
        message: new RegExp(`maxmemory-policy ${policy}\\)\\. Set .+ noeviction`),
      })
    }
  }
  for (const policy of ["volatile-lru", "volatile-ttl", "noeviction"]) {
    await server.command("config", "set", "maxmemory-policy", policy)
    await append(logOn(t, server.url), policy)
  }
  await append(log, "after")
})
