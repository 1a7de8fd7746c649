// npm run pack-matrix: packs both packages, installs them in an empty folder, and tests them as users do: with six versions of TypeScript in
// every module resolution, with and without the DOM library and skipLibCheck, then with three bundlers and the runners of npm run test:runners.
// Arguments such as 5.6 select versions of TypeScript.
import { execute } from "./command.ts"
import { checkBundlers } from "./pack-matrix/bundlers.ts"
import { installPacked } from "./pack-matrix/install.ts"
import { checkTypes } from "./pack-matrix/types.ts"

const lines = process.argv.length > 2 ? process.argv.slice(2) : undefined
await installPacked()
const runners = {
  name: "Jest and Vitest",
  program: process.execPath,
  args: [...process.execArgv, "scripts/runners.ts"],
}
const outcomes = [...(await checkBundlers()), await execute(runners), ...(await checkTypes(lines))]

for (const { name, passed, output } of outcomes) if (!passed) console.log(`FAILED ${name}\n${output.trim()}\n`)
const failed = outcomes.filter(({ passed }) => !passed).length
console.log(`${outcomes.length - failed} of ${outcomes.length} settings passed`)
process.exitCode = failed > 0 ? 1 : 0
