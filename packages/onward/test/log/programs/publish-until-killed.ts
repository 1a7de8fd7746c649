// Appends as fast as it can, some calls at once, and writes a line for each acknowledged message: its position and data.
import { sqliteLog } from "../../../src/log/sqlite/index.ts"

const [path = "", name = "", durability] = process.argv.slice(2)
const log = sqliteLog(path, { retention: {}, durability: durability === "normal" ? "normal" : "full" })

async function publish(lane: number): Promise<void> {
  for (let i = 0; ; i++) {
    const messages = Array.from({ length: 1 + (i % 3) }, (_, j) => ({
      topic: `lane ${lane}`,
      data: `${name}/${lane}/${i}/${j}`,
    }))
    const { positions } = await log.append(messages)
    process.stdout.write(messages.map(({ data }, j) => `${positions[j]} ${data}\n`).join(""))
  }
}

await Promise.all([1, 2, 3, 4].map(publish))
