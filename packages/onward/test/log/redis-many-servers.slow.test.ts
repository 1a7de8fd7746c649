import { after, test } from "node:test"
import assert from "node:assert/strict"
import { Cluster, Redis } from "ioredis"
import { createCluster, createSentinel } from "redis"
import type { Log } from "../../src/log/index.ts"
import { logCases } from "../../src/log/suite/index.ts"
import { redisLog, type RedisClient } from "../../src/log/redis/index.ts"
import { redisMissing, startRedisCluster, startSentinels } from "../stores/redis.ts"
import { SEED } from "./compare.ts"

const skip = redisMissing ?? false
const undo: (() => unknown)[] = []
after(async () => {
  for (const step of undo.toReversed()) await step()
})

const cluster = skip ? undefined : startRedisCluster({ appendfsync: "none" })
cluster?.then((it) => undo.push(() => it.close())).catch(() => {})
const nodes = async () => ((await cluster) ?? assert.fail()).servers.map(({ port }) => ({ host: "127.0.0.1", port }))

async function ioredisCluster(): Promise<RedisClient> {
  const client = new Cluster(await nodes())
  undo.push(() => client.disconnect())
  return client
}

async function nodeRedisCluster(): Promise<RedisClient> {
  const client = createCluster({ rootNodes: (await nodes()).map((socket) => ({ socket })) })
  client.on("error", () => {})
  await client.connect()
  undo.push(() => client.destroy())
  return client
}

let names = 0
for (const [what, connect] of [
  ["ioredis", ioredisCluster],
  ["node-redis", nodeRedisCluster],
] as const) {
  let client: Promise<RedisClient> | undefined
  const cases = logCases({
    seed: SEED,
    async create() {
      const connected = await (client ??= connect())
      // other names lie on other masters
      const name = `cluster ${++names}`
      return { open: (options) => redisLog(connected, { ...options, name, timeout: 20_000 }) }
    },
  })
  for (const { name, run } of cases) test(`on a cluster with ${what}, ${name}`, { skip }, run)
}

test("with Sentinel both clients continue after a failover, with a gap", { skip }, async (t) => {
  const sentinels = await startSentinels()
  t.after(() => sentinels.close())
  const nodes = sentinels.ports.map((port) => ({ host: "127.0.0.1", port }))
  const one = new Redis({ sentinels: nodes, name: sentinels.name })
  one.on("error", () => {})
  t.after(() => one.disconnect())
  const two = createSentinel({ name: sentinels.name, sentinelRootNodes: nodes, scanInterval: 200 })
  two.on("error", () => {})
  await two.connect()
  t.after(() => two.destroy())

  const logs = [redisLog(one), redisLog(two)]
  t.after(() => Promise.all(logs.map((log) => log.close())))
  const wakes = logs.map(() => new Set<unknown>())
  for (const [i, log] of logs.entries()) await log.watch((newest) => wakes[i]?.add(newest))
  const seen: string[] = []
  for (const log of logs) seen.push((await appendUntilDone(log, "before")) ?? "")
  await sentinels.killMaster()
  for (const [i, log] of logs.entries()) {
    const newest = await appendUntilDone(log, `after ${i}`)
    const { entries, lost } = await untilDone(() => log.read({ after: seen[i] ?? "", limit: 10 }))
    assert.equal(lost?.reason, "epoch")
    assert.equal(entries.at(-1)?.data, `after ${i}`)
    while (!wakes.every((names) => names.has(newest))) await pause()
  }
})

const pause = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 20))

/** Where it is stored the last time, maybe not the first. */
async function appendUntilDone(log: Log, data: string): Promise<string | undefined> {
  return (await untilDone(() => log.append([{ topic: "a", data }]))).positions[0]
}

/** Again while it may help. */
async function untilDone<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      assert.equal((error as { retryable?: boolean }).retryable, true, String(error))
    }
  }
}
