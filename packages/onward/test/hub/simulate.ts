import { parseArgs } from "node:util"
import { simulate } from "./simulation/simulation.ts"

// npm run simulate -- --seeds 1000000 [--from 1] [--seed 42]
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "10000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
  },
})
const from = Number(values.seed ?? values.from)
const seeds = values.seed === undefined ? Number(values.seeds) : 1
const total = { published: 0, received: 0, gaps: 0, failed: 0 }
const startedAt = performance.now()
for (let seed = from; seed < from + seeds; seed++) {
  const outcome = await simulate(seed)
  total.published += outcome.published
  total.received += outcome.received
  total.gaps += outcome.gaps
  if (outcome.failure === undefined) continue
  total.failed++
  console.error(`seed ${seed}: ${outcome.failure}`)
}
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
console.log(
  `${seeds} seeds from ${from} in ${seconds} s: ${total.published} stored, ${total.received} received, ${total.gaps} gaps announced, ${total.failed} seeds failed`,
)
process.exitCode = total.failed > 0 ? 1 : 0
