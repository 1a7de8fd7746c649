// npm run check: runs all static checks: types, lint, format and unused code.
import { staticChecks } from "./checks.ts"
import { executeAll } from "./command.ts"

process.exitCode = (await executeAll(staticChecks)) > 0 ? 1 : 0
