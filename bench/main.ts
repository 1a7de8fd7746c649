// `npm run bench -- [scenario…] [--peers a,b] [--runs 3] [--quick] [--markdown] [--no-netns] [--profile folder] [--list]`, see docs/benchmarks.md.
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { measure, type ServerStart } from "./run/measure.ts"
import { enterNamespace } from "./run/netns.ts"
import { shortcomings } from "./run/process.ts"
import { failureOf, type Measured, type Result, type Round } from "./run/results.ts"
import { scenarios, type Scenario } from "./run/scenarios.ts"
import { figure } from "./run/statistics.ts"
import { tableOf } from "./run/tables.ts"
import { targetTable } from "./run/targets.ts"

const PEERS = ["onward", "node-http", "better-sse", "raw"]
/** Benches that are programs of their own, in the process they measure. */
const PROGRAMS = [
  "auth",
  "capacity",
  "codec",
  "client",
  "compress",
  "connects",
  "metrics",
  "sqlite",
  "nats",
  "own",
  "patterns",
  "presence",
  "redis",
  "replay",
  "runs",
  "runtimes",
  "storm",
  "turns",
  "webhooks",
].filter((name) => existsSync(join(import.meta.dirname, `${name}.ts`)))

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    peers: { type: "string", default: PEERS.join(",") },
    runs: { type: "string" },
    quick: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
    netns: { type: "boolean", default: true },
    profile: { type: "string" },
    list: { type: "boolean", default: false },
  },
})
const all = scenarios({ quick: flags.quick })
const names = new Set([...all.map(({ name }) => name), ...PROGRAMS])
const peers = flags.peers.split(",")
const runs = Number(flags.runs ?? (flags.quick ? 1 : 3))
const unknown = positionals.filter((name) => !names.has(name))
if (flags.list || unknown.length > 0 || peers.some((peer) => !PEERS.includes(peer)) || !(runs >= 1)) {
  for (const { name, about } of all) console.log(`${name.padEnd(12)}${about}`)
  for (const name of PROGRAMS) console.log(`${name.padEnd(12)}bench/${name}.ts`)
  console.log(`peers: ${PEERS.join(", ")}`)
  process.exit(flags.list ? 0 : 2)
}
if (process.platform !== "linux") {
  console.error("The bench reads CPU time and memory from /proc and so needs Linux.")
  process.exit(2)
}
const wanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name)
const chosen = all.filter(({ name }) => wanted(name))

const notes = [...shortcomings]
if (chosen.length > 0)
  notes.push(
    ...(flags.netns ? [enterNamespace()] : ["in the machine's own network"]).filter((note) => note !== undefined),
  )
// the profiler costs time itself: good for finding what is slow, not for figures
const profiler = flags.profile ? ["--cpu-prof", `--cpu-prof-dir=${flags.profile}`] : []
const startOf = (server: string): ServerStart => ({
  flags: ["--expose-gc", ...profiler],
  file: `servers/${server}.ts`,
})
const say = (text: string): void => void (flags.markdown || console.error(text))

console.log(
  `Node ${process.versions.node}, ${cpus()[0]?.model ?? "unknown processor"}, ${cpus().length} cores; median (least–most) of ${runs}.`,
)
for (const note of notes) console.log(`Note: ${note}.`)
const results: Result[] = []
for (const scenario of chosen) {
  const short = tooFewDescriptors(scenario)
  if (short) {
    console.log(`\n### ${scenario.name}\n\nSkipped: ${short}.`)
    continue
  }
  const rounds: Round[] = []
  for (let run = 1; run <= runs; run++) rounds.push(await round(scenario, run))
  const result = { scenario, servers: peers, rounds }
  results.push(result)
  console.log(`\n${tableOf(result)}`)
}
const targets = targetTable(results)
if (targets) console.log(`\n${targets}`)
let failed = results.some(({ rounds }) => rounds.some((round) => [...round.values()].some(failureOf)))
for (const name of PROGRAMS.filter(wanted)) {
  console.log("")
  const args = [...process.execArgv, join(import.meta.dirname, `${name}.ts`)]
  if (spawnSync(process.execPath, args, { stdio: "inherit" }).status !== 0) failed = true
}
if (failed) console.error("\nFAILED: see the tables above.")
process.exitCode = failed ? 1 : 0

/** All servers in turn, each in a process of its own. */
async function round(scenario: Scenario, run: number): Promise<Round> {
  const round = new Map<string, Measured>()
  for (const server of peers) {
    try {
      const control = scenario.control && (await measure({ server: startOf(server), load: scenario.control }, scenario))
      const sample = await measure({ server: startOf(server), load: scenario.load }, scenario)
      const measured = control ? { sample, control } : { sample }
      round.set(server, measured)
      const { p50, p99, perSecond, behind, cpu } = sample.report
      say(
        `${scenario.name} ${run} ${server}: ${figure(sample.us)} µs, ${figure(perSecond)}/s, p50 ${figure(p50)}, p99 ${figure(p99)} ms, ` +
          `generator ${figure(cpu)} s CPU and ${figure(behind)} ms behind, ${figure(100 * sample.stolen)} % stolen, ${figure(100 * sample.waited)} % waited ${failureOf(measured) ?? ""}`,
      )
    } catch (error) {
      console.error(`${scenario.name} ${run} ${server}: ${(error as Error).message}`)
    }
  }
  return round
}

function tooFewDescriptors({ load }: Scenario): string | undefined {
  const limit = Number(
    /Max open files\s+\S+\s+(\d+)/.exec(readFileSync("/proc/self/limits", "latin1"))?.[1] ?? Infinity,
  )
  return load.connections + 200 > limit
    ? `${load.connections} connections need more than ${limit} open files`
    : undefined
}
