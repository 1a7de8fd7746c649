/** Produces one run, a word every 20 ms, until it is told that nobody wants it; then says so. */
import { connect } from "@nats-io/transport-node"
import { natsLog } from "../../../src/log/nats/index.ts"
import { sqliteLog } from "../../../src/log/sqlite/index.ts"
import { createRuns } from "../../../src/runs/index.ts"
import { lines } from "../lines.ts"

const [store, place = "", id = "", lease = ""] = process.argv.slice(2)
const log = store === "nats" ? natsLog(await connect({ servers: place })) : sqliteLog(place)
const runs = createRuns({ log, format: lines, lease: Number(lease) })

await runs.start(id, async function* ({ signal }) {
  signal.addEventListener("abort", () => console.log("aborted"))
  for (let n = 0; ; n++) {
    yield `${n} `
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
})
console.log("started")
setInterval(() => {}, 1_000_000)
