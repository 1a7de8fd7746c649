// npm run test:matrix: runs the suite on every supported Node version, the oldest first, then npm run frameworks. Versions as arguments run
// the suite on these only: npm run test:matrix -- 24.0.0
import { execute } from "./command.ts"
import { flagsOf, nodeOf, NODES } from "./nodes.ts"
import { runSuite } from "./suite.ts"

const asked = process.argv.slice(2)
const summary: string[] = []
let failed = 0

for (const version of asked.length > 0 ? asked : NODES) {
  const options = { node: nodeOf(version), flags: flagsOf(version) }
  console.log(`\nNode ${version}`)
  const fast = await runSuite("fast", options)
  const slow = await runSuite("slow", options)
  for (const name of [...fast.skipped, ...slow.skipped]) console.log(`SKIPPED ${name}`)
  summary.push(`Node ${version}: ${fast.passed + slow.passed} passed, ${fast.failed + slow.failed} failed`)
  failed += fast.failed + slow.failed
}

if (asked.length === 0) {
  const frameworks = {
    name: "frameworks",
    program: process.execPath,
    args: [...process.execArgv, "scripts/frameworks.ts"],
  }
  const { passed } = await execute(frameworks, { loud: true })
  summary.push(`frameworks: ${passed ? "passed" : "failed"}`)
  failed += passed ? 0 : 1
}

console.log(`\n${summary.join("\n")}`)
process.exitCode = failed > 0 ? 1 : 0
