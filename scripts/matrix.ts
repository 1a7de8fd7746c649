// npm run test:matrix: the suite on every Node line the packages support, oldest release first. Versions as arguments
// replace the list: npm run test:matrix -- 24.0.0
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

console.log(`\n${summary.join("\n")}`)
process.exitCode = failed > 0 ? 1 : 0
