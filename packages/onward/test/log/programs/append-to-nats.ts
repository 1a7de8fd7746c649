// Appends numbered messages to a NATS log, several at once, and writes what each append told, as JSON.
import { connect } from "@nats-io/transport-node"
import { natsLog } from "../../../src/log/nats/index.ts"

const [servers = "", name = "", count = ""] = process.argv.slice(2)
const connection = await connect({ servers })
const log = natsLog(connection, { retention: {} })
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
await connection.close()
process.stdout.write(JSON.stringify(calls))
