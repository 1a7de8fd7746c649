// npm run attack -- --minutes 10 --seed 42 [--name ids] [--scale 1]: hostile input against real hubs, and a verdict.
import { parseArgs } from "node:util"
import { ATTACKS } from "./attacks/index.ts"
import type { Attack } from "./stage.ts"
import { runAttack, type Verdict } from "./run-attack.ts"

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string" },
    name: { type: "string" },
    scale: { type: "string", default: "1" },
  },
})
const chosen = ATTACKS.filter(({ name }) => values.name === undefined || name === values.name)
if (chosen.length === 0) throw new Error(`--name is one of ${ATTACKS.map(({ name }) => name).join(", ")}`)
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6))
const scale = Number(values.scale)
const lasts = (Number(values.minutes) * 60_000) / chosen.length
if (!(lasts > 0 && scale > 0 && Number.isSafeInteger(seed)))
  throw new Error("--minutes, --scale and --seed are numbers above 0")

// the hubs that were started end when their channel to this process does
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))

console.log(`seed ${seed}, ${(lasts / 1_000).toFixed(1)} s for each attack\n`)
console.log(
  "| attack | threats | verdict | rounds | publishes answered | median, p99 in ms | RSS in MiB | loop late by, in ms | done |",
)
console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")

function rowOf(verdict: Verdict, { threats = [] }: Attack): string {
  const { name, failures, rounds, acknowledged, median, p99, rss, delay, gaps, counts } = verdict
  const done = Object.entries({ ...counts, ...(gaps > 0 && { "gaps announced": gaps }) })
  const cells = [
    ...[name, threats.join(" "), failures.length === 0 ? "held" : "**FAILED**", rounds, acknowledged],
    ...[`${median.toFixed(1)}, ${p99.toFixed(0)}`, rss.toFixed(0), delay.toFixed(0)],
    done.map(([what, count]) => `${count} ${what}`).join(", "),
  ]
  return `| ${cells.join(" | ")} |`
}

const failed: Verdict[] = []
let skipped = 0
for (const attack of chosen) {
  if (attack.missing) {
    skipped++
    console.log(`| ${attack.name} | ${attack.threats?.join(" ") ?? ""} | SKIPPED: ${attack.missing} |`)
    continue
  }
  const verdict = await runAttack(attack, { seed, lasts, scale })
  console.log(rowOf(verdict, attack))
  if (verdict.failures.length > 0) failed.push(verdict)
}

console.log(`\nverdict: ${chosen.length - skipped - failed.length} held, ${failed.length} failed, ${skipped} skipped`)
for (const { name, failures } of failed) {
  for (const failure of failures) console.error(`\n${name}: ${failure}`)
  console.error(`\nagain: npm run attack -- --name ${name} --seed ${seed} --minutes ${(lasts / 60_000).toFixed(2)}`)
}
process.exitCode = failed.length > 0 || (skipped > 0 && process.env.CI) ? 1 : 0
process.exit()
