import { parseArgs } from "node:util"
import { runFaults, TRANSPORTS } from "./fault-run/fault-run.ts"

// npm run faults -- --events 100000 --cuts 1000 [--seed 42] [--transport fetch]
const { values } = parseArgs({
  options: {
    events: { type: "string", default: "20000" },
    cuts: { type: "string", default: "200" },
    seed: { type: "string" },
    transport: { type: "string" },
  },
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
const events = Number(values.events)
console.log(`seed ${seed}: ${events} events to each client, ${values.cuts} cuts`)
const startedAt = performance.now()
const { clients, delivered, cuts, cutsInHead, connections, failures } = await runFaults({
  seed,
  events,
  cuts: Number(values.cuts),
  transports: values.transport === undefined ? Object.keys(TRANSPORTS) : [values.transport],
})
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
const kinds = Object.entries(cuts).map(([fault, count]) => `${count} by ${fault}`)
const total = Object.values(cuts).reduce((a, b) => a + b, 0)
console.log(
  `${clients} clients in ${seconds} s: ${delivered} delivered, ${total} cuts (${kinds.join(", ")}; ${cutsInHead} in a head), ${connections} connections, ${failures.length} failures`,
)
for (const failure of failures) console.error(`seed ${seed}: ${failure}`)
process.exitCode = failures.length > 0 ? 1 : 0
