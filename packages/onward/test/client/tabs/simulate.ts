import { parseArgs } from "node:util"
import { simulate } from "./simulation.ts"

// npm run simulate-tabs -- --seeds 100000 [--from 1] [--seed 42]
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
  },
})
const from = Number(values.seed ?? values.from)
const seeds = values.seed === undefined ? Number(values.seeds) : 1
const total = { received: 0, leaders: 0, gaps: 0, failed: 0 }
for (let seed = from; seed < from + seeds; seed++) {
  const outcome = await simulate(seed)
  total.received += outcome.received
  total.leaders += outcome.leaders
  total.gaps += outcome.gaps
  if (outcome.failure === undefined) continue
  total.failed++
  console.error(`seed ${seed}: ${outcome.failure}`)
}
console.log(`${seeds} seeds from ${from}: ${JSON.stringify(total)}`)
process.exitCode = total.failed > 0 ? 1 : 0
