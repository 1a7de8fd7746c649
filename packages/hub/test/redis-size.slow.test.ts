import assert from "node:assert/strict"
import { test } from "node:test"
import { Redis } from "ioredis"
import { createHub } from "onward"
import { redisLog } from "onward/redis"
import { redisMissing, startRedis } from "../../onward/test/stores/redis.ts"
import { redisSize } from "../src/redis-size.ts"

test("the size of a log in Redis counts its indexes, and its topics by a sample", { skip: redisMissing }, async (t) => {
  const server = await startRedis()
  t.after(() => server.close())
  const client = new Redis(server.url)
  t.after(() => client.disconnect())
  const hub = createHub({ log: redisLog(client) })
  t.after(() => hub.close())
  const name = "onward:{log}"
  const epoch = (await hub.position()).split("~")[0] ?? ""
  const size = async (): Promise<number> => (await redisSize(client, name, epoch)) ?? 0
  const counted = async (): Promise<number> => {
    let sum = 0
    // what a writer says of itself expires soon
    const keys = (await client.keys(`${name}*`)).filter((key) => !key.includes(":writer:"))
    for (const key of keys) sum += (await client.memory("USAGE", key)) ?? 0
    return sum
  }
  const publish = (from: number, to: number): Promise<string[]> =>
    hub.publishMany(
      Array.from({ length: to - from }, (_, i) => ({
        ...{
          topic: `topic/${from + i}`,
          data: "x".repeat(100),
          id: `own-${from + i}`,
          idempotencyKey: `key-${from + i}`,
        },
      })),
    )
  await publish(0, 40)
  assert.equal(await size(), await counted())
  // nothing but their indexes grows with topics of one size, so a sample tells them all
  await publish(40, 600)
  const [estimated, exact] = [await size(), await counted()]
  assert.ok(Math.abs(estimated - exact) < exact * 0.05, `${estimated} of ${exact}`)
})
