// npm test: runs all checks and tests, the fastest groups first, and stops after the first group that fails. With --fast, only the fast tests.
// With --long, only those that npm test leaves out because they take minutes.
import { packageChecks, staticChecks } from "./checks.ts"
import { type Command, executeAll } from "./command.ts"
import { runSuite } from "./suite.ts"
import type { Pace } from "./processes.ts"

const only = process.argv.includes("--fast") ? "fast tests" : process.argv.includes("--long") ? "long tests" : undefined
let passed = 0
let failed = 0

async function check(commands: readonly Command[]): Promise<void> {
  failed += await executeAll(commands)
}

async function test(pace: Pace): Promise<void> {
  const totals = await runSuite(pace)
  passed += totals.passed
  failed += totals.failed
  for (const name of totals.skipped) console.log(`SKIPPED ${name}`)
  for (const name of totals.todo) console.log(`TODO    ${name}`)
  // In CI a skipped test is a failure, because it would never run.
  if (process.env.CI) failed += totals.skipped.length + totals.todo.length
}

const groups: Record<string, () => Promise<void>> = {
  "static checks": () => check(staticChecks),
  build: () => check([{ name: "build", program: process.execPath, args: ["scripts/build.ts"] }]),
  "fast tests": () => test("fast"),
  "package checks": () => check(packageChecks),
  "slow tests": () => test("slow"),
  "long tests": () => test("long"),
}

for (const [name, run] of Object.entries(groups)) {
  if (only === undefined ? name === "long tests" : name !== only) continue
  const started = performance.now()
  console.log(`\n${name}`)
  await run()
  console.log(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
  if (failed > 0) break
}

console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
