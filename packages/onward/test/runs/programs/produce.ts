/** Produces one run, a word every 20 ms, until it is told that nobody wants it; then says so. SIGUSR2 freezes it. */
import { setTimeout as wait } from "node:timers/promises"
import { connect } from "@nats-io/transport-node"
import type { Log } from "../../../src/log/index.ts"
import { natsLog } from "../../../src/log/nats/index.ts"
import { sqliteLog } from "../../../src/log/sqlite/index.ts"
import { createRuns } from "../../../src/runs/index.ts"
import { lines } from "../lines.ts"

const [store, place = "", id = "", lease = ""] = process.argv.slice(2)
const log = store === "nats" ? natsLog(await connect({ servers: place })) : sqliteLog(place)
/** What is being committed: words, and the lease. */
const commits = new Set<Promise<unknown>>()
const counted: Log = {
  ...log,
  append(messages) {
    const commit = log.append(messages)
    commits.add(commit)
    return commit.finally(() => commits.delete(commit))
  },
}
const runs = createRuns({ log: counted, format: lines, lease: Number(lease) })

let isToFreeze = false
process.on("SIGUSR2", () => (isToFreeze = true))

await runs.start(id, async function* ({ signal }) {
  signal.addEventListener("abort", () => console.log("aborted"))
  for (let n = 0; ; n++) {
    yield `${n} `
    await wait(20)
    if (!isToFreeze) continue
    isToFreeze = false
    // frozen in a commit, it would hold the lock of an SQLite file against everybody
    while (commits.size > 0) await wait(1)
    process.kill(process.pid, "SIGSTOP")
  }
})
console.log("started")
setInterval(() => {}, 1_000_000)
