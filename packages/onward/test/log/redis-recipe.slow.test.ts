import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { readFile } from "node:fs/promises"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { Redis } from "ioredis"
import { redisLog } from "../../src/log/redis/index.ts"
import { redisMissing, startRedis } from "../stores/redis.ts"

const folder = fileURLToPath(new URL("../../../..", import.meta.url))

test(
  "docs/recipes/redis-keyspace.md appends changes of keys to the log, also those before it listened",
  { skip: redisMissing ?? false },
  async (t) => {
    const server = await startRedis({ appendfsync: "none" })
    t.after(() => server.close())
    await server.command("set", "price:before", "1")
    const document = await readFile(`${folder}/docs/recipes/redis-keyspace.md`, "utf8")
    const recipe = /^```ts\n([\s\S]*?)^```$/m.exec(document)?.[1] ?? assert.fail("there is no recipe")
    const program = recipe.replace("new Redis()", `new Redis("${server.url}")`)
    const flags = ["--conditions=onward-source", "--input-type=module-typescript", "--eval", program]
    const child = spawn(process.execPath, flags, { cwd: `${folder}/examples`, stdio: ["ignore", "inherit", "inherit"] })
    t.after(() => child.kill())

    const client = new Redis(server.url)
    const log = redisLog(client, { timeout: 20_000 })
    t.after(async () => {
      await log.close()
      client.disconnect()
    })
    const has = async (topic: string, event: string, data: string): Promise<void> => {
      for (;;) {
        const { entries } = await log.read({ after: (await log.bounds()).first, topics: [topic], limit: 100 })
        if (entries.some((entry) => entry.event === event && entry.data === data)) return
        await new Promise((resolve) => void setTimeout(resolve, 20))
      }
    }
    await has("price:before", "value", "1")
    await server.command("set", "price:now", "2")
    await has("price:now", "value", "2")
    await server.command("del", "price:now")
    await has("price:now", "gone", "")
  },
)
