/**
 * `onward/web` on Bun and Deno beside what a program without a library does there: a set of controllers and a loop that writes the same bytes.
 * Run: `npm run bench -- runtimes`, or `node --conditions=onward-source bench/runtimes.ts [bun…] [--scenarios single,burst,idle] [--runs 3]`
 */
import { parseArgs } from "node:util"
import { fetchRuntime, RUNTIMES } from "../scripts/runtime.ts"
import { measure } from "./run/measure.ts"
import { failureOf, type Measured, type Round } from "./run/results.ts"
import type { Scenario } from "./run/scenarios.ts"
import { figure } from "./run/statistics.ts"
import { tableOf } from "./run/tables.ts"

/** What runs the server, and what it can run. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  bun: ["onward", "stream", "direct"],
  deno: ["onward", "stream"],
}
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  bun: ["--conditions=onward-source"],
  deno: ["run", "--quiet", "--allow-all", "--conditions=onward-source", "--v8-flags=--expose-gc"],
}
const SCENARIOS: readonly Scenario[] = [
  {
    name: "single",
    about: "1,000 subscribers, events of 200 bytes, each published when the one before has arrived everywhere",
    unit: "delivery",
    load: { mode: "fan", connections: 1000, burst: 1, count: 400 },
  },
  {
    name: "burst",
    about: "1,000 subscribers, bursts of 100 publishes pipelined on one connection",
    unit: "delivery",
    load: { mode: "fan", connections: 1000, burst: 100, count: 500 },
  },
  {
    name: "idle",
    about: "10,000 subscribers and nothing published; memory with and without a garbage collection first",
    unit: "connection",
    load: { mode: "fan", connections: 10_000 },
  },
]

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scenarios: { type: "string", default: SCENARIOS.map(({ name }) => name).join(",") },
    runs: { type: "string", default: "3" },
  },
})
const wanted = flags.scenarios.split(",")
const runtimes = Object.keys(WAYS).filter((name) => positionals.length === 0 || positionals.includes(name))
let failed = false

for (const runtime of runtimes) {
  console.log(`\n## ${runtime} ${RUNTIMES[runtime]}`)
  const program = [fetchRuntime(runtime), ...(FLAGS[runtime] as readonly string[])]
  const servers = WAYS[runtime] as readonly string[]
  for (const scenario of SCENARIOS.filter(({ name }) => wanted.includes(name))) {
    const rounds: Round[] = []
    for (let run = 1; run <= Number(flags.runs); run++) {
      const round = new Map<string, Measured>()
      for (const way of servers) {
        const server = { program, file: "runtimes/serve.ts", args: [way] }
        const sample = await measure({ server, load: scenario.load }, scenario)
        round.set(way, { sample })
        const { us, connectUs, stolen } = sample
        console.error(
          `${scenario.name} ${run} ${way}: ${figure(us)} µs, ${figure(connectUs)} µs a connect, ${figure(100 * stolen)} % stolen ${failureOf({ sample }) ?? ""}`,
        )
        failed ||= failureOf({ sample }) !== undefined
      }
      rounds.push(round)
    }
    console.log(`\n${tableOf({ scenario, servers, rounds })}`)
  }
}
if (failed) process.exitCode = 1
