import { parseArgs } from "node:util"
import { runChaos } from "./run.ts"
import { STORES } from "./stores/index.ts"

// npm run chaos -- --minutes 5 --seed 42 --log sqlite|all [--every 2000] [--subscribers 200] [--lossy] [--keep] [--quiet]
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "2" },
    seed: { type: "string" },
    log: { type: "string", default: "all" },
    every: { type: "string", default: "2000" },
    subscribers: { type: "string", default: "200" },
    lossy: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    quiet: { type: "boolean", default: false },
  },
})
const kinds = Object.keys(STORES) as (keyof typeof STORES)[]
const logs = values.log === "all" ? kinds : kinds.filter((kind) => kind === values.log)
if (logs.length === 0) throw new Error(`--log is one of ${kinds.join(", ")}, all`)
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6))

// whoever is told to stop takes the servers along, which are ended on exit
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))

for (const log of logs) {
  const options = { log, seed, minutes: Number(values.minutes), every: Number(values.every) }
  console.log(`${log}, seed ${seed}: ${values.minutes} minutes, ${values.subscribers} subscribers`)
  const { faults, spared, failures, folder, ...report } = await runChaos({
    ...options,
    subscribers: Number(values.subscribers),
    mayLose: values.lossy,
    keep: values.keep,
    ...(!values.quiet && { onFault: (line) => console.log(`  ${line}`) }),
  })
  const kindsOfFaults = Object.entries(faults).map(([kind, count]) => `${count} × ${kind}`)
  const gaps = Object.entries(report.gaps).map(([reason, count]) => `${count} ${reason}`)
  console.log(`  faults: ${kindsOfFaults.join(", ")}`)
  for (const reason of spared) console.log(`  spared: ${reason}`)
  console.log(
    `  ${report.stored} stored, ${report.acked} acknowledged, ${report.repeated} tries repeated, ${report.delivered} delivered, gaps announced: ${gaps.join(", ") || "none"}`,
  )
  console.log(failures.length === 0 ? "  verdict: kept every promise" : `  verdict: ${failures.length} failures`)
  for (const failure of failures.slice(0, 20)) console.error(`  seed ${seed}: ${failure}`)
  if (folder !== undefined) console.log(`  history: ${folder}`)
  if (failures.length === 0) continue
  process.exitCode = 1
  console.error(
    `  again: npm run chaos -- --log ${log} --seed ${seed} --minutes ${values.minutes} --every ${values.every}`,
  )
}
