import assert from "node:assert/strict"
import { after, test } from "node:test"
import { Redis } from "ioredis"
import { createClient } from "redis"
import { logCases } from "../../src/log/suite/index.ts"
import { redisLog } from "../../src/log/redis/index.ts"
import { redisMissing, startRedis, type RedisServer } from "../stores/redis.ts"
import { SEED } from "./compare.ts"

const skip = redisMissing ?? false
let server: RedisServer | undefined
const clients: (() => unknown)[] = []
const started = skip ? undefined : startRedis({ appendfsync: "none" }).then((it) => (server = it))
after(async () => {
  for (const end of clients) await end()
  await server?.close()
})

const one = async (): Promise<RedisServer> => (await started) ?? assert.fail()
let names = 0

const ioredis = async () => {
  const client = new Redis((await one()).url)
  clients.push(() => client.disconnect())
  return client
}
const nodeRedis = async () => {
  const client = createClient({ url: (await one()).url })
  client.on("error", () => {})
  await client.connect()
  clients.push(() => client.destroy())
  return client
}

for (const [what, connect] of [
  ["ioredis", ioredis],
  ["node-redis", nodeRedis],
] as const) {
  let client: ReturnType<typeof connect> | undefined
  const cases = logCases({
    seed: SEED,
    async create() {
      const connected = await (client ??= connect())
      const name = `suite ${++names}`
      return { open: (options) => redisLog(connected, { ...options, name, timeout: 20_000 }) }
    },
  })
  for (const { name, run } of cases) test(`with ${what}, ${name}`, { skip }, run)
}
