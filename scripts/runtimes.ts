// npm run runtimes: tests the client in every supported runtime: Bun, Deno, workerd and each major version of Node.
import { execute } from "./command.ts"
import { flagsOf, nodeOf, NODES } from "./nodes.ts"

const TEST = "packages/onward/test/client/runtime/runtimes.slow.test.ts"
let failed = 0

for (const version of NODES) {
  console.log(`\nNode ${version}`)
  const only = version === process.versions.node ? [] : ["--test-name-pattern=^Node"]
  const { passed } = await execute(
    { name: version, program: nodeOf(version), args: ["--conditions=onward-source", "--test", ...only, TEST] },
    { loud: true, env: { NODE_OPTIONS: flagsOf(version).join(" ") } },
  )
  if (!passed) failed++
}
process.exitCode = failed > 0 ? 1 : 0
