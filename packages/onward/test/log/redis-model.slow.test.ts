import { test } from "node:test"
import { Redis } from "ioredis"
import { redisLog } from "../../src/log/redis/index.ts"
import { redisMissing, startRedis } from "../stores/redis.ts"
import { compare, compareMany, SEED } from "./compare.ts"

test(
  `a Redis log returns the same as a naive one, over random operations (seed ${SEED})`,
  { skip: redisMissing ?? false },
  async (t) => {
    const server = await startRedis({ appendfsync: "none" })
    t.after(() => server.close())
    const client = new Redis(server.url)
    t.after(() => client.disconnect())
    await compareMany(20, (seed) =>
      compare(seed, 120, (options) => redisLog(client, { ...options, name: `model ${seed}`, timeout: 20_000 }), true),
    )
  },
)
