/** Appends calls of three messages to a PostgreSQL log, some at once, and writes what it was told as JSON. */
import { Pool } from "pg"
import postgres from "postgres"
import { postgresLog } from "../../../src/log/postgres/index.ts"

const [url = "", client = "pg", name = "", count = "0"] = process.argv.slice(2)
const pool = new Pool({ connectionString: url })
const sql = postgres(url, { onnotice: () => {}, fetch_types: false })
// whoever comes first makes the tables, while the others try, too
const log = postgresLog(client === "pg" ? pool : sql, { retention: {} })

const calls = await Promise.all(
  Array.from({ length: Number(count) }, async (_, i) => {
    await new Promise((resolve) => void setTimeout(resolve, i))
    const data = [1, 2, 3].map((part) => `${name} ${i}/${part}`)
    const messages = data.map((text, part) => ({ topic: `t${part}`, data: text }))
    const appended = await log.append([...messages, { topic: "shared", data: "", idempotencyKey: `shared ${i}` }])
    return { data, ...appended }
  }),
)
console.log(JSON.stringify(calls))
await log.close()
await pool.end()
await sql.end({ timeout: 1 })
