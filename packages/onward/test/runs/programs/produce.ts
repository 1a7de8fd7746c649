/** Produces one run, a word every 20 ms, until it is told that nobody wants it; then says so. */
import { sqliteLog } from "../../../src/log/sqlite/index.ts"
import { createRuns } from "../../../src/runs/index.ts"
import { lines } from "../lines.ts"

const [path = "", id = "", lease = ""] = process.argv.slice(2)
const runs = createRuns({ log: sqliteLog(path), format: lines, lease: Number(lease) })

await runs.start(id, async function* ({ signal }) {
  signal.addEventListener("abort", () => console.log("aborted"))
  for (let n = 0; ; n++) {
    yield `${n} `
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
})
console.log("started")
setInterval(() => {}, 1_000_000)
