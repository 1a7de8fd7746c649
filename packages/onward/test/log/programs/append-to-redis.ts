// Appends numbered messages to a Redis log, several at once, and writes what each append told, as JSON.
import { Redis } from "ioredis"
import { redisLog } from "../../../src/log/redis/index.ts"

const [url = "", name = "", count = ""] = process.argv.slice(2)
const client = new Redis(url)
const log = redisLog(client, { retention: {}, timeout: 20_000 })
const calls: unknown[] = []

async function lane(lane: number): Promise<void> {
  for (let i = 0; i < Number(count); i++) {
    const data = Array.from({ length: 1 + ((i * 7 + lane) % 4) }, (_, j) => `${name}/${lane}/${i}/${j}`)
    const shared = { topic: "shared", data: "", idempotencyKey: `shared ${i}` }
    const appended = await log.append([...data.map((data) => ({ topic: name, data })), shared])
    calls.push({ data, ...appended })
  }
}

await Promise.all([1, 2, 3].map(lane))
await log.close()
client.disconnect()
process.stdout.write(JSON.stringify(calls))
