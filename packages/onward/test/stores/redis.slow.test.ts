import assert from "node:assert/strict"
import { test } from "node:test"
import { redisMissing, startRedis, startRedisCluster } from "./redis.ts"

const skip = redisMissing ?? false

test("a killed Redis has everything in its file after a restart", { skip }, async (t) => {
  const server = await startRedis({ password: "open-sesame" })
  t.after(() => server.close())
  await server.command("set", "a", "1")
  await server.kill()
  assert.equal(server.pid, undefined)
  await server.restart()
  assert.equal(await server.command("get", "a"), "1")
})

test("a Redis cluster of three shares the slots", { skip }, async (t) => {
  const cluster = await startRedisCluster()
  t.after(() => cluster.close())
  assert.match(await (cluster.servers[2] ?? assert.fail()).command("cluster", "info"), /cluster_size:3/)
})
