// npm run adapters: runs the shared adapter tests, and writes the results into docs/adapters.md.
import { globSync } from "node:fs"
import { CASES, findings, rowOf, writeTable } from "./cases-table.ts"

const { servers } = await findings(globSync("packages/onward/test/adapters/*.test.ts"))
const rows = [...servers].map(([server, sentences]) => rowOf(server, sentences))
writeTable("npm run adapters", rows)
const failed = rows.filter((cells) => cells.includes("✗")).map(([server]) => server)
const count = Object.keys(CASES).length
console.log(failed.length > 0 ? `failed: ${failed.join(", ")}` : `${rows.length} servers, ${count} cases`)
process.exitCode = failed.length > 0 ? 1 : 0
