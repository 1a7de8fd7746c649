// Appends a number of batches, some at once, and writes what each append told, as JSON.
import { sqliteLog } from "../../../src/log/sqlite/index.ts"

const [path = "", name = "", count = ""] = process.argv.slice(2)
const log = sqliteLog(path, { retention: {} })
const calls: unknown[] = []

async function lane(lane: number): Promise<void> {
  for (let i = 0; i < Number(count); i++) {
    const data = Array.from({ length: 1 + ((i * 7 + lane) % 4) }, (_, j) => `${name}/${lane}/${i}/${j}`)
    calls.push({ data, ...(await log.append(data.map((data) => ({ topic: name, data })))) })
  }
}

await Promise.all([1, 2, 3].map(lane))
await log.close()
process.stdout.write(JSON.stringify(calls))
