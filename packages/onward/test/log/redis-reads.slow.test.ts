import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { Redis, type RedisOptions } from "ioredis"
import { createClient } from "redis"
import { parsePosition, type Log } from "../../src/log/index.ts"
import { redisLog, type IoredisClient } from "../../src/log/redis/index.ts"
import { redisMissing, startRedis, startReplica, type RedisServer } from "../stores/redis.ts"
import { randomFrom, SEED } from "./compare.ts"

const skip = redisMissing ?? false
const options = { timeout: 20_000 }

async function serverFor(t: TestContext): Promise<RedisServer> {
  const server = await startRedis({ appendfsync: "none" })
  t.after(() => server.close())
  return server
}

function clientOf(
  t: TestContext,
  url: string,
  more: Pick<RedisOptions, "keyPrefix" | "enableAutoPipelining" | "protocol"> = {},
): Redis {
  const client = new Redis(url, { retryStrategy: () => 50, ...more })
  client.on("error", () => {})
  t.after(() => client.disconnect())
  return client
}

/** How often the server was asked so far, by command. */
async function callsOf(server: RedisServer, command: string): Promise<number> {
  const told = await server.command("info", "commandstats")
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(told)?.[1] ?? 0)
}

const pause = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 10))

/** Waits until the log has noted how the server writes, which it does by the way, by the script. Logs opened later need not. */
async function settled(server: RedisServer): Promise<void> {
  while ((await server.command("hget", "onward:{log}", "safe")) === "") await pause()
}

const message = (data: string) => ({ topic: "a", data })

/** Everything after a position, in pages. */
async function readAll(log: Log, after: string, limit: number, topics?: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (;;) {
    const { entries, next, lost } = await log.read({ after, limit, ...(topics && { topics }) })
    assert.equal(lost, undefined)
    if (next === after) return found
    found.push(...entries.map(({ data }) => data))
    after = next
  }
}

test("consecutive reads run no script, except at the end", { skip }, async (t) => {
  const server = await serverFor(t)
  const writer = redisLog(clientOf(t, server.url), options)
  const { first } = await writer.bounds()
  await settled(server)
  const reader = redisLog(clientOf(t, server.url), options)
  const sent = Array.from({ length: 100 }, (_, i) => `${i}`)
  await writer.append(sent.map(message))
  // once the log is known
  await reader.bounds()
  const [scripts, ranges] = [await callsOf(server, "evalsha"), await callsOf(server, "xrange")]
  assert.deepEqual(await readAll(reader, first, 10), sent)
  assert.equal((await callsOf(server, "evalsha")) - scripts, 1)
  assert.equal((await callsOf(server, "xrange")) - ranges, 11)
})

test("a topic is read without the script where the log has no other", { skip }, async (t) => {
  const server = await serverFor(t)
  const log = redisLog(clientOf(t, server.url), options)
  const { first } = await log.bounds()
  await settled(server)
  const topicOf = (i: number): string => (i <= 200 || i % 3 > 0 ? "most" : "few")
  const sent = Array.from({ length: 300 }, (_, i) => ({ topic: topicOf(i + 1), data: `${i + 1}` }))
  await log.append(sent)
  const scriptsFor = async (topic: string): Promise<number> => {
    const before = await callsOf(server, "evalsha")
    const wanted = sent.filter((each) => each.topic === topic).map(({ data }) => data)
    assert.deepEqual(await readAll(log, first, 10, [topic]), wanted)
    return (await callsOf(server, "evalsha")) - before
  }
  // the first page, and those from entry 201 on
  const scripts = await scriptsFor("most")
  assert.ok(scripts < 15, `${scripts} scripts for 27 pages`)
  await scriptsFor("few")
  await log.forget?.({ topics: ["most"], upTo: (await log.bounds()).last })
  const { entries, lost } = await log.read({ after: first, limit: 10, topics: ["most", "few"] })
  assert.deepEqual([entries.length, lost?.reason], [10, "trimmed"])
})

test(
  "a reader of removed entries receives a loss, also if its process had not heard of the removal",
  { skip },
  async (t) => {
    const server = await serverFor(t)
    const retention = { count: 4 }
    const writer = redisLog(clientOf(t, server.url), { ...options, retention })
    const reader = redisLog(clientOf(t, server.url), { ...options, retention })
    const { positions } = await writer.append(["1", "2", "3", "4"].map(message))
    const [one = "", two = ""] = positions
    assert.equal((await reader.read({ after: one, limit: 2 })).next, positions[2])
    await writer.append([message("5"), message("6"), message("7")])
    for (const after of [one, two]) {
      const { entries, lost } = await reader.read({ after, limit: 2 })
      assert.equal(lost?.reason, "trimmed")
      assert.deepEqual(
        entries.map(({ data }) => data),
        ["4", "5"],
      )
    }
  },
)

test("large entries are read in small pages", { skip }, async (t) => {
  const server = await serverFor(t)
  const log = redisLog(clientOf(t, server.url), { ...options, retention: {} })
  const { first } = await log.bounds()
  for (let i = 0; i < 4; i++) await log.append(Array.from({ length: 10 }, () => message("x".repeat(100_000))))
  const { entries } = await log.read({ after: first, limit: 1000 })
  assert.ok(entries.length >= 10 && entries.length <= 21, `${entries.length} entries in a page`)
  assert.equal((await readAll(log, first, 1000)).length, 40)
})

test("pages are equal with any options of a client for commands and replies", { skip }, async (t) => {
  const server = await serverFor(t)
  const nodeRedis = [2, 3].map((RESP) => createClient({ url: server.url, RESP: RESP as 2 | 3 }))
  t.after(() => nodeRedis.map((client) => client.destroy()))
  await Promise.all(nodeRedis.map((client) => client.on("error", () => {}).connect()))
  const ioredis = [{ keyPrefix: "mine:" }, { enableAutoPipelining: true }, { protocol: 3 as const }]
  const clients = [...nodeRedis, ...ioredis.map((more) => clientOf(t, server.url, more))]
  for (const [number, client] of clients.entries()) {
    const log = redisLog(client, { ...options, name: `client ${number}` })
    const { first } = await log.bounds()
    const full = { topic: "a", data: "two\nlines+\n", event: "tick", id: "1", idempotencyKey: "k", retry: 5 }
    const { positions, time } = await log.append([full, message("+")])
    const [position = "", next = ""] = positions
    const entries = [
      { ...full, position, time },
      { ...message("+"), position: next, time },
    ]
    assert.deepEqual(await log.read({ after: first, limit: 10 }), { entries, next })
    await log.close()
  }
  // each of them plainly
  assert.equal(await callsOf(server, "xrange"), clients.length)
})

test("an epoch that is begun by hand keeps the entries, and readers receive a gap", { skip }, async (t) => {
  const server = await serverFor(t)
  const log = redisLog(clientOf(t, server.url), options)
  const { positions } = await log.append(["1", "2", "3"].map(message))
  const [after = ""] = positions
  await server.command("hset", "onward:{log}", "epoch", "newlife1")
  await log.append([message("4")])
  const { entries, lost } = await log.read({ after, limit: 10 })
  assert.equal(lost?.reason, "epoch")
  assert.deepEqual(
    entries.map(({ data }) => data),
    ["1", "2", "3", "4"],
  )
  assert.deepEqual(await server.command("keys", "onward:{log}:entries*"), "onward:{log}:entries:newlife1")
})

test(
  "after a restart without its newest entries, readers that had them are told at once, and others before the next entry",
  { skip },
  async (t) => {
    const server = await serverFor(t)
    const writer = redisLog(clientOf(t, server.url), options)
    const { positions } = await writer.append(["1", "2", "3"].map(message))
    await settled(server)
    const [reader, ahead] = [redisLog(clientOf(t, server.url), options), redisLog(clientOf(t, server.url), options)]
    const [after = "", , third = ""] = positions
    await reader.bounds()
    await server.command("save")
    await writer.append(["lost", "lost too"].map(message))
    await ahead.bounds()
    await server.kill()
    await server.restart()
    const read = async (log: Log, after: string) => {
      const { entries, lost } = await log.read({ after, limit: 10 })
      return { data: entries.map(({ data }) => data), lost: lost?.reason }
    }
    assert.deepEqual(await read(reader, after), { data: ["2", "3"], lost: undefined })
    assert.deepEqual(await read(ahead, after), { data: ["1", "2", "3"], lost: "epoch" })
    await redisLog(clientOf(t, server.url), options).append([message("4")])
    assert.deepEqual(await read(reader, third), { data: ["1", "2", "3", "4"], lost: "epoch" })
  },
)

/**
 * A client may send two commands to two servers: it connects anew in between, or a name leads elsewhere. Here a master and the
 * replica that took over from it are both alive, both take appends, and which of them answers is left to chance.
 */
test(
  `with any server responding, a position never names two entries, and none is skipped (seed ${SEED})`,
  { skip },
  async (t) => {
    const { below, chance } = randomFrom(SEED)
    const one = await serverFor(t)
    const first = redisLog(clientOf(t, one.url), options)
    await first.append(["before", "after"].map(message))
    const two = await startReplica(one, { appendfsync: "none" })
    t.after(() => two.close())
    await one.command("wait", "1", "20000")
    await two.command("replicaof", "no", "one")
    const clients = [one, two].map((server) => clientOf(t, server.url))
    await Promise.all(clients.map((client) => client.ping()))

    let last = 0
    const anywhere: IoredisClient = Object.assign(Object.create(clients[0] as Redis) as Redis, {
      call(command: string, words: (string | number)[]): Promise<unknown> {
        // mostly where it was
        if (chance(0.2)) last = below(2)
        return (clients[last] as Redis).call(command, words)
      },
    })
    const logs = [first, ...clients.map((client) => redisLog(client, options)), redisLog(anywhere, options)]
    const stored = new Map<string, string>()
    for (let i = 0; i < 600; i++) {
      const log = logs[below(logs.length)] as Log
      if (chance(0.3)) {
        const data = `${i}`
        const { positions } = await log.append([message(data)])
        for (const position of positions) {
          assert.equal(stored.get(position), undefined)
          stored.set(position, data)
        }
        continue
      }
      const known = [...stored.keys()]
      const after = known[below(known.length)] ?? (await log.bounds()).first
      const { entries, lost } = await log.read({ after, limit: 1 + below(20) })
      for (const [place, { position, data }] of entries.entries()) {
        const { epoch, sequence } = parsePosition(position) ?? assert.fail()
        // lives begin with what was kept, under other positions
        if (stored.has(position)) assert.equal(data, stored.get(position))
        else stored.set(position, data)
        if (lost) continue
        const start = parsePosition(after) ?? assert.fail()
        assert.deepEqual({ epoch, sequence }, { epoch: start.epoch, sequence: start.sequence + place + 1 })
      }
    }
    assert.ok(new Set([...stored.keys()].map((position) => parsePosition(position)?.epoch)).size > 1)
  },
)
